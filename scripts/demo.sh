#!/usr/bin/env bash
# Four banks learn their total on this machine: one process each, mutual TLS, no Docker.  Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

DIR=$(mktemp -d)
export STEELYARD_PROFILE="$DIR/consortium"
trap 'steelyard local down --dir "$STEELYARD_PROFILE" --purge >/dev/null 2>&1 || true; rm -rf "$DIR"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
expect() {  # expect CODE COMMAND...: the demo fails when the refusal it shows does not happen
  local wanted=$1 got=0; shift
  printf '$ %s\n' "$*"
  "$@" || got=$?
  [ "$got" = "$wanted" ] || { echo "expected exit code $wanted, got $got" >&2; exit 1; }
}

say 'Four banks, one process each, certificates made now; any 2 of 4 can open a total, one alone sees nothing'
run steelyard local up --dir "$STEELYARD_PROFILE" --parties 4 --threshold 2 --data examples/balances
run steelyard party list

say 'Their total: exact to the cent, and no bank, nor the coordinator, learns another bank'"'"'s figure'
run steelyard sum accounts.balance
total=$(steelyard sum accounts.balance --json)
case "$total" in *'"17500.00"'*) ;; *) echo "the total should be 17500.00: $total" >&2; exit 1 ;; esac

say 'By group, with a filter, and a mean'
run steelyard sum accounts.balance --group-by segment
run steelyard sum accounts.balance --where "segment = 'retail'"
run steelyard mean accounts.balance

say 'Is their total above a limit?  One bit; the total itself is opened to nobody'
run steelyard exceeds accounts.balance 10000
answer=$(steelyard exceeds accounts.balance 20000 --json)
case "$answer" in *'"exceeds": false'*|*'"exceeds":false'*) ;; *) echo "17500 does not exceed 20000: $answer" >&2; exit 1 ;; esac

say 'One bank dies: it is named, and nothing is guessed'
run steelyard local kill bank-d --dir "$STEELYARD_PROFILE"
expect 5 steelyard sum accounts.balance --timeout 30

say 'Leaving it out is refused by the banks themselves: the difference to the earlier total would be its figure'
expect 4 steelyard sum accounts.balance --allow-missing --timeout 30

say 'It comes back; the same question has the same answer'
run steelyard local start bank-d --dir "$STEELYARD_PROFILE"
run steelyard sum accounts.balance

say 'Ratios of firms'"'"' statements, which stay encrypted; the two banks that hold them consent by their parts of the key'
for party in bank-a bank-b; do
  run steelyard data import "examples/statements/$party/statements.csv" --schema examples/statements/statements.schema.toml --party "$party"
done
run steelyard ratio --subjects all --ratios current,debt_to_equity,roa
ratio=$(steelyard ratio --subject firm-d --ratios current --json)
case "$ratio" in *'"value": "1.5597"'*|*'"value":"1.5597"'*) ;; *) echo "the current ratio of firm-d is 1.5597: $ratio" >&2; exit 1 ;; esac

say 'The banks leave their balances with each other in shares: from now on nobody'"'"'s own files are needed'
run steelyard share accounts.balance --name pool
run steelyard sum @pool

say 'All shares are renewed; what a thief copied before is of no use with what is copied later'
run steelyard refresh pool
run steelyard audit pool

say 'One bank loses its disk, and with it its data and its share; the others give it its share back'
run steelyard local kill bank-b --dir "$STEELYARD_PROFILE"
run rm -rf "$STEELYARD_PROFILE/nodes/bank-b/state"
run steelyard local start bank-b --dir "$STEELYARD_PROFILE"
run steelyard recover bank-b
run steelyard sharing list
total=$(steelyard sum @pool --json)
case "$total" in *'"17500.00"'*) echo 'Still 17500.00' ;; *) echo "the total should be 17500.00: $total" >&2; exit 1 ;; esac

say 'What a bank'"'"'s own audit log says'
run steelyard audit show --party bank-a

say 'They train a credit model together: only sums are ever formed, and the model stays with the banks'
for party in bank-a bank-b bank-c bank-d; do
  steelyard data import "examples/credit/$party/credit.csv" --dataset credit --party "$party" \
    --schema examples/credit/credit.schema.toml >/dev/null
done
run steelyard train credit --model logistic --target default --rounds 8 --name demo
run steelyard model list
run steelyard predict --model demo --data examples/credit/bank-a/credit.csv --limit 3

say 'Ten firms without nodes cancel circles of debts: nobody sees an invoice, each firm learns its own part'
run steelyard setoff generate --preset club-10 --seed 7 --out "$STEELYARD_PROFILE/obligations.csv"
answer=$(steelyard setoff run --obligations "$STEELYARD_PROFILE/obligations.csv" --round club --steps 120 --json)
echo "$answer"
case "$answer" in *'"total":8465010'*) ;; *) echo "all debts together should be 8465010: $answer" >&2; exit 1 ;; esac
round=$(printf '%s' "$answer" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
run steelyard setoff notice --run "$round" --firm F006 --format csv
run steelyard setoff finalise "$round"

say 'Done'
