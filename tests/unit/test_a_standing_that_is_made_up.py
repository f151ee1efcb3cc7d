"""What one lying node says of itself does not keep an honest coordinator from bringing the others what they miss."""

from __future__ import annotations

import msgspec
from protocols.forgeries import forged
from protocols.vaults import NOW, SHARING, Holders, values

from steelyard.documents.signed import sign
from steelyard.epochs.change import Base, Change
from steelyard.epochs.committee import Committee
from steelyard.epochs.record import Generation, Undecided
from steelyard.epochs.settlement import Show, Status, outlook
from steelyard.epochs.votes import Prepared


def test_a_commit_that_no_node_would_take_is_not_the_current_one() -> None:
    """The liar is the only voter of a change that it invented; an absent holder is shown that, and never the real."""
    holders = Holders(2, 4, values(3), liars=0)
    absent, *voters = holders.parties
    old = holders.stores[absent].records[SHARING]
    ran = holders.refresh(voters)
    real = holders.settle(ran.change, ran.votes)
    liar = voters[-1]
    alone = Committee(2, {liar: holders.points[liar], absent: holders.points[absent]})
    change = Change(
        sharing=SHARING, description="33" * 32, manifest="44" * 32, attempt="fe" * 16, kind="refresh",
        base=Base(1 << 40, "ee" * 16), old=alone, new=alone, voters=(liar,), liars=0, expires_ms=NOW,
    )  # fmt: skip
    said = Prepared(
        sharing=SHARING, attempt=change.attempt, change=change.digest, transcript="11" * 32, checks="22" * 32,
        share="55" * 32,
    )  # fmt: skip
    records = {party: holders.stores[party].records[SHARING] for party in holders.parties} | {absent: old}
    lie = Undecided(change, prepared=sign(said, liar, holders.signing[liar]))
    records[liar] = msgspec.structs.replace(records[liar], undecided=lie)
    statuses = [Status(party, record, True) for party, record in records.items()]
    found = outlook(statuses, holders.keys, holders.points, NOW)
    assert found.current == real


def test_what_fewer_than_k_liars_signed_among_themselves_does_not_hide_what_is_true() -> None:
    holders = Holders(3, 5, values(3), liars=1)
    absent, *voters = holders.parties
    old = holders.stores[absent].records[SHARING]
    ran = holders.refresh(voters)
    real = holders.settle(ran.change, ran.votes)
    liars = tuple(voters[-2:])
    lie = forged(holders, liars, liars)
    records = {party: holders.stores[party].records[SHARING] for party in holders.parties} | {absent: old}
    for liar in liars:
        generation = Generation(lie.change.made, lie.change.new, lie)
        records[liar] = msgspec.structs.replace(records[liar], active=generation)
    found = outlook(
        [Status(party, record, True) for party, record in records.items()], holders.keys, holders.points, NOW
    )
    assert found.current == real
    assert [(step.party, step.certificate) for step in found.steps if isinstance(step, Show)] == [(absent, real)]
