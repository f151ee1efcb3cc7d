#!/bin/sh
# `docker run steelyard sum accounts.balance` is the command line; `python`, `sh` and paths run as they are.
# numba refuses a cache directory that it cannot write to, even to read from it, so the kernels compiled at build time
# are copied into the tmpfs.  Without a copy, or on another kind of processor, numba compiles them there anew.
set -eu
if [ ! -d "$NUMBA_CACHE_DIR" ]; then
    mkdir -p "$NUMBA_CACHE_DIR" && cp -R /opt/steelyard/numba/. "$NUMBA_CACHE_DIR" || true
fi
case "${1:-}" in
    python | python3 | sh | sleep | steelyard | /*) exec "$@" ;;
    *) exec steelyard "$@" ;;
esac
