#!/usr/bin/env bash
# What a stranger does: clones HEAD into a fresh container of bare Debian (Python, make, git, nothing else), then runs the
# README's commands there, by default:
#   scripts/clean_clone_check.sh "make setup" "make demo" "make test"
# Only `make setup` gets a network, and with it this machine's pip configuration and authorities' certificates; the other
# commands run without one, so they prove that nothing is fetched later.
set -euo pipefail
cd "$(dirname "$0")/.."

DEADLINE=${CLEAN_CLONE_DEADLINE:-2400}   # seconds for each command
NAME="steelyard-clean-$$"

main() {
  [ $# -gt 0 ] || set -- "make setup" "make demo" "make test"
  local image
  image=$(scripts/base_image.sh bare)
  scratch=$(mktemp -d)
  trap 'docker rm --force "$NAME" >/dev/null 2>&1; docker volume rm "$NAME" >/dev/null 2>&1; rm -rf "$scratch"' EXIT
  git bundle create --quiet "$scratch/head.bundle" HEAD   # exactly what is committed, whoever owns the files here
  pip_settings
  inside none "git -c advice.detachedHead=false clone --quiet /head.bundle . && git log --oneline -1"
  local command
  for command in "$@"; do
    say "$command"
    case "$command" in *setup*) inside host "$command" ;; *) inside none "$command" ;; esac
  done
  say "passed"
}

inside() {
  local network=$1 settings=()
  [ "$network" = none ] || settings=("${PIP[@]}")
  timeout --kill-after=10 "$DEADLINE" docker run --rm --name "$NAME" --network "$network" --volume "$NAME:/steelyard" \
    --volume "$scratch/head.bundle:/head.bundle:ro" --workdir /steelyard "${settings[@]}" \
    "$image" sh -euc "$2" || fail "'$2' failed"
}

# Every pip setting becomes a variable, passed by name so that no value shows in a process list; every absolute path and
# file: address in one (a bundle of certificates, a folder of wheels) is mounted where it is here.
pip_settings() {
  local line name value path
  PIP=()
  while IFS= read -r line; do
    name=${line%%=*} value=${line#*=\'} value=${value%\'}
    name=PIP_$(printf %s "${name#*.}" | tr 'a-z-' 'A-Z_')
    export "$name=$value"
    PIP+=(--env "$name")
    for path in $value; do mount_readonly "${path#file://}"; done
  done < <(python3 -m pip config list | grep -E '^(global|:env:)\.')
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [ -n "${!name:-}" ]; then PIP+=(--env "$name"); fi
  done
}

mount_readonly() {
  local path=$1
  case "$path" in /*) ;; *) return 0 ;; esac
  [ -e "$path" ] || return 0
  case "$path" in */simple) path=${path%/simple} ;; esac   # an index on disk links to the files beside it
  case " ${PIP[*]} " in *" $path:$path:ro "*) ;; *) PIP+=(--volume "$path:$path:ro") ;; esac
}

say() { printf 'clean_clone_check: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

main "$@"
