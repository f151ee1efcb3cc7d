#!/usr/bin/env bash
# Makes sure that a Docker engine answers: starts an installed one, installs Debian's when there is none and we are root.
# Idempotent. Prints nothing on success but what it had to do.
set -euo pipefail

DEADLINE=${DOCKER_ENGINE_DEADLINE:-60}   # seconds that a started engine has until it answers
# A network for each pair of parties: Docker's own pools hold only 31 networks on the whole machine, these 4,096.
POOLS=${DOCKER_ENGINE_POOLS:-base=172.16.0.0/12,size=24}
LOG=${DOCKER_ENGINE_LOG:-/var/log/steelyard-dockerd.log}

main() {
  if answers; then ensure_compose; return; fi
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers and only root can start one: start it, or add yourself to its group"
  command -v dockerd >/dev/null || install docker.io
  command -v docker >/dev/null || install docker.io
  ensure_compose
  start
}

answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

ensure_compose() {
  docker compose version >/dev/null 2>&1 && return
  command -v docker-compose >/dev/null && return
  [ "$(id -u)" = 0 ] || fail "neither 'docker compose' nor docker-compose is installed"
  install docker-compose
}

install() {
  command -v apt-get >/dev/null || fail "$1 is missing and there is no apt-get to install it with"
  say "installing $*"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" iptables >/dev/null
}

start() {
  say "starting dockerd, log in $LOG"
  # setsid and closed descriptors: the engine must outlive this script and must not hold a caller's pipe open.
  setsid nohup dockerd --default-address-pool "$POOLS" >"$LOG" 2>&1 </dev/null &
  local pid=$! waited=0
  until answers; do
    kill -0 "$pid" 2>/dev/null || fail "dockerd stopped at once; the end of $LOG: $(tail -n 3 "$LOG")"
    [ "$waited" -lt "$DEADLINE" ] || fail "dockerd did not answer within $DEADLINE s; see $LOG"
    sleep 1
    waited=$((waited + 1))
  done
}

say() { printf 'docker_engine: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

main "$@"
