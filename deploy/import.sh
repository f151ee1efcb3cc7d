#!/bin/sh
# Runs as a party's owner: hands every file in /data to the party's node, which keeps it.
set -eu
party=${1:?a party such as bank-a}
for file in /data/*; do
    dataset=$(basename "${file%.*}")
    schema=$STEELYARD_PROFILE/schemas/$dataset.schema.toml
    if [ -e "$schema" ]; then set -- --schema "$schema"; else set --; fi
    steelyard data import "$file" --dataset "$dataset" --party "$party" "$@"
done
