#!/usr/bin/env bash
# Installs what a bare Debian machine lacks for `make test`: Python with venv, make, git, and a container engine.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v make >/dev/null || missing+=(make)
command -v git >/dev/null || missing+=(git)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  [ "$(id -u)" = 0 ] || { echo "install these first: ${missing[*]}" >&2; exit 1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi
scripts/docker_engine.sh
