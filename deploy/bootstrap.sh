#!/bin/sh
# Makes the demo consortium at start and hands everybody their own part: nothing secret is ever in the image or the tree.
# /pki is a tmpfs: the authority's key and the organisations' offline keys are gone when this container stops, which no
# real consortium would want; there, every party makes its own keys and enrols.
set -eu
parties=${PARTIES:?a list such as bank-a,bank-b,bank-c}
threshold=${THRESHOLD:?a number}
consortium=local

main() {
    if [ -e /parties/coordinator/ready ]; then
        echo "the consortium of this project exists already"
        exit 0
    fi
    steelyard local prepare --dir /pki --parties "$parties" --threshold "$threshold" \
        --coordinator-address coordinator:7400 --node-address '{party}:7443'
    for party in $(echo "$parties" | tr , ' '); do
        node "$party"
        owner "$party"
    done
    analyst
    coordinator   # last: its `ready` stands for all
}

node() {
    give "$1" "nodes/$1"
    sed "s/bank-a/$1/g" /config/node.toml >"/parties/$1/node.toml"
    cp /config/policy.toml "/parties/$1"
    hand_over "$1"
}

owner() {
    give "owner-$1" "owners/$1"
    printf 'consortium = "%s"\n[owners]\n%s = "owners/%s"\n' "$consortium" "$1" "$1" >"/parties/owner-$1/profile.toml"
    mkdir "/parties/owner-$1/schemas"
    for schema in /data/*.schema.toml; do
        if [ -e "$schema" ]; then cp "$schema" "/parties/owner-$1/schemas"; fi
    done
    hand_over "owner-$1"
}

analyst() {
    give analyst requesters/analyst
    printf 'consortium = "%s"\nidentity = "requesters/analyst"\n' "$consortium" >/parties/analyst/profile.toml
    hand_over analyst
}

coordinator() {
    give coordinator coordinator
    cp /config/coordinator.toml /parties/coordinator
    hand_over coordinator
}

give() { # VOLUME HOME: one home and no other
    mkdir -p "/parties/$1/$(dirname "$2")"
    cp -R -p "/pki/$2" "/parties/$1/$2"
}

hand_over() { # VOLUME: to the user that its container runs as
    touch "/parties/$1/ready"
    chown -R 10001:10001 "/parties/$1"
}

main
