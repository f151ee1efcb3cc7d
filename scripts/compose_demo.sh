#!/usr/bin/env bash
# The story of scripts/demo.sh in containers: every bank has its own network to the operator and to each peer, its own
# volume, its own policy.  Needs a Docker engine and the image (`make compose-demo` sees to both).  Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

export COMPOSE_PROJECT_NAME="steelyard-demo-$$"
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--ansi never --file deploy/compose.yaml)
trap '"${compose[@]}" down --volumes --remove-orphans --timeout 1 >/dev/null 2>&1 || true' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
fail() { echo "compose_demo: $*" >&2; exit 1; }
expect() {  # expect CODE COMMAND...: the demo fails when the refusal it shows does not happen
  local wanted=$1 got=0; shift
  printf '$ %s\n' "$*"
  "$@" || got=$?
  [ "$got" = "$wanted" ] || fail "expected exit code $wanted, got $got"
}

steelyard() { docker exec "$(container client)" steelyard "$@"; }   # the analyst's desk
owner() {  # owner PARTY COMMAND...: the same program with the keys of a bank's owner, beside the bank's node
  local party=$1; shift
  "${compose[@]}" run --rm --no-deps -T "owner-$party" steelyard "$@" 2>/dev/null
}
statements() {  # statements PARTY: its owner imports what examples/statements has for it
  "${compose[@]}" run --rm --no-deps -T --volume "$PWD/examples/statements:/statements:ro" "owner-$1" \
    steelyard data import "/statements/$1/statements.csv" --schema /statements/statements.schema.toml --party "$1" 2>/dev/null
}
container() { "${compose[@]}" ps -q "$1"; }
lose_disk() {  # all that a killed bank's node has stored; its keys and its configuration lie beside it
  docker run --rm --network none --volumes-from "$(container "$1")" "${STEELYARD_IMAGE:-steelyard:local}" \
    /bin/rm -rf /var/lib/steelyard/state
}
kill_node() { docker kill "$(container "$1")" >/dev/null; }
start_node() { docker start "$(container "$1")" >/dev/null; healthy "$1"; }
cut() { docker network disconnect "${COMPOSE_PROJECT_NAME}_$1-$2" "$(container "$2")"; }
mend() { docker network connect --alias "$2" "${COMPOSE_PROJECT_NAME}_$1-$2" "$(container "$2")"; }

healthy() {
  local waited=0
  until docker exec "$(container "$1")" sh -c 'python -m steelyard.rpc.probe --config "$STEELYARD_CONFIG"' 2>/dev/null; do
    [ "$waited" -lt 60 ] || fail "$1 is not healthy after 60 s: $(docker logs --tail 5 "$(container "$1")" 2>&1)"
    sleep 0.5  # and as long to ask
    waited=$((waited + 1))
  done
}

imported() {  # docker-compose 1.29 does not wait for what it starts
  local party
  for party in bank-a bank-b bank-c bank-d; do
    [ "$(docker wait "$(container "owner-$party")")" = 0 ] || fail "the owner of $party could not import its data"
  done
}

total() {  # of accounts.balance, or of what is named
  local answer
  answer=$(steelyard sum "${1:-accounts.balance}" --json)
  case "$answer" in *'"total":"17500.00"'*) echo "17500.00" ;; *) fail "the total should be 17500.00: $answer" ;; esac
}

say 'Four banks, an operator and an analyst, each in a container; any 2 of 4 can open a total, one alone sees nothing'
"${compose[@]}" up --detach >/dev/null 2>&1 || fail "compose up failed: $("${compose[@]}" logs --tail 5 2>&1)"
for name in coordinator bank-a bank-b bank-c bank-d; do healthy "$name"; done
imported
run steelyard party list

say 'Their total: exact to the cent, and no bank, nor the coordinator, learns another bank'"'"'s figure'
run steelyard sum accounts.balance
run total

say 'By group, with a filter, and a mean'
run steelyard sum accounts.balance --group-by segment
run steelyard sum accounts.balance --where "segment = 'retail'"
run steelyard mean accounts.balance

say 'Is their total above a limit?  One bit; the total itself is opened to nobody'
run steelyard exceeds accounts.balance 10000

say 'One bank dies: it is named, and nothing is guessed'
run kill_node bank-d
expect 5 steelyard sum accounts.balance --timeout 30

say 'Leaving it out is refused by the banks themselves: the difference to the earlier total would be its figure'
expect 4 steelyard sum accounts.balance --allow-missing --timeout 30

say 'It comes back; the same question has the same answer'
run start_node bank-d
run total

say 'The line between two banks is cut: named again, and mended'
run cut bank-b bank-c
expect 5 steelyard sum accounts.balance --timeout 90
run mend bank-b bank-c
run total

say 'Ratios of firms'"'"' statements, which stay encrypted; the two banks that hold them consent by their parts of the key'
run statements bank-a
run statements bank-b
run steelyard ratio --subjects all --ratios current,debt_to_equity,roa
case "$(steelyard ratio --subject firm-d --ratios current --json)" in
  *'"value":"1.5597"'*) ;;
  *) fail "the current ratio of firm-d should be 1.5597" ;;
esac

say 'The banks leave their balances with each other in shares: from now on nobody'"'"'s own files are needed'
run steelyard share accounts.balance --name pool
run total @pool

say 'All shares are renewed; what a thief copied before is of no use with what is copied later'
run steelyard refresh pool
run steelyard audit pool

say 'One bank loses its disk, and with it its data and its share; the others give it its share back'
run kill_node bank-b
run lose_disk bank-b
run start_node bank-b
run steelyard recover bank-b
run steelyard sharing list
run total @pool

say 'What a bank'"'"'s own audit log says'
run owner bank-a audit show --party bank-a

say 'They train a credit model together: only sums are ever formed, and the model stays with the banks'
for party in bank-a bank-b bank-c bank-d; do
  owner "$party" data import /credit/credit.csv --dataset credit --party "$party" --schema /credit.schema.toml >/dev/null
done
run steelyard train credit --model logistic --target default --rounds 8 --name demo
run owner bank-a model list --party bank-a
run owner bank-a predict --model demo --data /credit/credit.csv --limit 3 --party bank-a

say 'Ten firms without nodes cancel circles of debts: nobody sees an invoice, each firm learns its own part'
run steelyard setoff generate --preset club-10 --seed 7 --out /tmp/obligations.csv
answer=$(steelyard setoff run --obligations /tmp/obligations.csv --round club --steps 120 --json)
echo "$answer"
case "$answer" in *'"total":8465010'*) ;; *) echo "all debts together should be 8465010: $answer" >&2; exit 1 ;; esac
round=$(printf '%s' "$answer" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
run steelyard setoff notice --run "$round" --firm F006 --format csv
run steelyard setoff finalise "$round"

say 'Done'
