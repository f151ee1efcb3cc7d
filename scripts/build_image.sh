#!/usr/bin/env bash
# Builds steelyard:local (or IMAGE) from this tree. Wheels come from the host's pip, so that no container needs an index,
# a proxy or an authority's certificate; only wheels are taken, so that no container needs a compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-steelyard:local}
PYTHON=${PYTHON:-.venv/bin/python}
CONTEXT=build/image
LIST_DEPENDENCIES='import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")'

main() {
  [ -x "$PYTHON" ] || fail "$PYTHON is missing: run make setup first, or set PYTHON"
  scripts/docker_engine.sh
  local base
  base=$(scripts/base_image.sh)
  dependencies "$(python_of "$base")"
  project
  build "$base"
}

python_of() {
  docker run --rm --network none --entrypoint python3 "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# The versions of this environment, so that the image holds what the tests ran with. Downloads anew only when these or the
# image's Python change: else the layer stays in Docker's cache.
dependencies() {
  local wanted="$CONTEXT/wanted" directory="$CONTEXT/dependencies"
  mkdir -p "$wanted.new"
  echo "$1" >"$wanted.new/python"
  "$PYTHON" -c "$LIST_DEPENDENCIES" >"$wanted.new/requirements.txt"
  "$PYTHON" -m pip freeze --exclude-editable >"$wanted.new/constraints.txt"
  if diff -rq "$wanted" "$wanted.new" >/dev/null 2>&1 && [ -d "$directory" ]; then rm -r "$wanted.new"; return; fi
  say "collecting wheels for Python $1"
  rm -rf "$directory" "$wanted"
  "$PYTHON" -m pip download -qq --only-binary=:all: --python-version "$1" --dest "$directory" \
    -r "$wanted.new/requirements.txt" -c "$wanted.new/constraints.txt"
  mv "$wanted.new" "$wanted"
}

project() {
  rm -rf "$CONTEXT/project"
  "$PYTHON" -m pip wheel -qq --no-deps --wheel-dir "$CONTEXT/project" .
}

build() {
  # Without its buildx plugin a new client cannot use BuildKit; the classic builder reads the same file.
  docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
  docker build --quiet --build-arg BASE_IMAGE="$1" ${WARM:+--build-arg WARM="$WARM"} \
    --tag "$IMAGE" --file deploy/Dockerfile . >"$CONTEXT/id" 2>"$CONTEXT/log" || fail "$(tail -n 20 "$CONTEXT/log")"
  say "$IMAGE is $(cut -c 8-19 "$CONTEXT/id")"
}

say() { printf 'build_image: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

main "$@"
