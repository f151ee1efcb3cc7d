#!/usr/bin/env bash
# Prints the name of an image to build on, and makes one when none can be had.
#   scripts/base_image.sh        BASE_IMAGE if it is present or can be pulled, else steelyard-base:local
#   scripts/base_image.sh bare   steelyard-bare:local: this machine's Debian with Python, make and git and nothing else
# Our own images are made once with debootstrap, from the mirror that this machine's apt is configured to use.
set -euo pipefail

DEFAULT=python:3.11-slim
PULL_DEADLINE=${PULL_DEADLINE:-120}
PYTHON_PACKAGES=python3,python3-venv,ca-certificates

main() {
  "$(dirname "$0")/docker_engine.sh"
  case "${1:-base}" in
    base) base ;;
    bare) own steelyard-bare:local "$PYTHON_PACKAGES,make,git" ;;
    *) fail "usage: base_image.sh [bare]" ;;
  esac
}

base() {
  local wanted=${BASE_IMAGE:-$DEFAULT}
  if present "$wanted"; then echo "$wanted"; return; fi
  if [ -z "${BASE_IMAGE:-}" ] && present steelyard-base:local; then echo steelyard-base:local; return; fi
  say "pulling $wanted"
  if timeout "$PULL_DEADLINE" docker pull --quiet "$wanted" >&2; then echo "$wanted"; return; fi
  # Somebody who named an image wants that one and no other.
  [ -z "${BASE_IMAGE:-}" ] || fail "BASE_IMAGE=$wanted is neither present nor can it be pulled"
  own steelyard-base:local "$PYTHON_PACKAGES"
}

own() {
  local name=$1 packages=$2
  if present "$name"; then echo "$name"; return; fi
  [ "$(id -u)" = 0 ] || fail "debootstrap needs root to make $name"
  command -v debootstrap >/dev/null || install_debootstrap
  local release mirror
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror=$(mirror_of "$release")
  [ -n "$mirror" ] || fail "apt on this machine names no mirror for '$release': set BASE_IMAGE to an image with Python 3.11"
  say "making $name with debootstrap ($release), once"
  scratch=$(mktemp -d)
  trap 'rm -rf --one-file-system "$scratch"' EXIT
  debootstrap --variant=minbase --include="$packages" "$release" "$scratch/root" "$mirror" >"$scratch/log" 2>&1 ||
    fail "debootstrap failed: $(tail -n 3 "$scratch/log")"
  slim "$scratch/root"
  tar -C "$scratch/root" --numeric-owner -c . |
    docker import --change 'ENV LANG=C.UTF-8' --change 'CMD ["bash"]' - "$name" >/dev/null
  echo "$name"
}

mirror_of() {
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$1" '$1 == release {print $2; exit}'
}

slim() {
  rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/* "$1"/usr/share/{doc,man,locale}/*
  : >"$1/etc/resolv.conf"
}

install_debootstrap() {
  say "installing debootstrap"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
}

present() { docker image inspect "$1" >/dev/null 2>&1; }
say() { printf 'base_image: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

main "$@"
