"""Refresh, recovery, resharing and audit: values stay, shares change, and nobody learns anything on the way."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.vaults import SHARING, Holders, Ran, same, values

from steelyard.documents.dealing import CheckNote
from steelyard.documents.signed import from_wire
from steelyard.epochs.committee import Committee
from steelyard.errors import Cheated, Invalid
from steelyard.field import Vector, from_bytes, subtract, total
from steelyard.protocols import deal_random, units
from steelyard.protocols.audit import Audit
from steelyard.protocols.recover import Rebuilt
from steelyard.rounds import Message, Round
from steelyard.sharing.combination import CHALLENGES, combine
from steelyard.sharing.polynomials import Code
from steelyard.sharing.shamir import evaluate, reconstruct

SHAPES = [(2, 2), (2, 3), (3, 3), (2, 4), (3, 4), (3, 5), (4, 7)]


def done(holders: Holders, ran: Ran) -> None:
    assert all(isinstance(each, tuple) for each in ran.outcome.values()), ran.outcome
    holders.settle(ran.change, ran.votes)


def shares(holders: Holders) -> dict[str, Vector]:
    return {party: holders.share_of(party) for party in holders.committee.holders}


@pytest.mark.parametrize(("k", "n"), SHAPES)
def test_a_refresh_keeps_the_values_and_changes_every_share(k: int, n: int) -> None:
    holders = Holders(k, n, values(6))
    before = shares(holders)
    done(holders, holders.refresh())
    for group in combinations(holders.committee.holders, k):
        assert same(holders.opened(group), holders.values)
    assert not [party for party, share in shares(holders).items() if np.any(share == before[party])]


@pytest.mark.parametrize(("k", "n"), [(2, 3), (3, 5)])
def test_old_and_new_shares_together_open_nothing(k: int, n: int) -> None:
    """k-1 of one epoch and one of the next interpolate to anything but the values."""
    holders = Holders(k, n, values(6))
    before = shares(holders)
    done(holders, holders.refresh())
    for late in holders.committee.holders:
        for early in combinations([party for party in holders.committee.holders if party != late], k - 1):
            mixed = {holders.points[p]: before[p] for p in early} | {holders.points[late]: shares(holders)[late]}
            assert not np.any(reconstruct(mixed, k) == holders.values)


def test_who_was_absent_from_a_refresh_is_recovered_without_a_digest() -> None:
    holders = Holders(2, 5, values(6))
    absent = holders.parties[2]
    done(holders, holders.refresh([party for party in holders.parties if party != absent]))
    assert holders.machines[absent].record(SHARING).standing == "stale"
    assert holders.commit is not None
    assert absent not in holders.commit.digests
    rebuilt = holders.recover(absent)[absent]
    assert isinstance(rebuilt, Rebuilt)
    holders.machines[absent].expect(holders.commit)
    holders.stores[absent].put(holders.commit.change.slot, rebuilt.share.tobytes(), rebuilt.digest)
    holders.machines[absent].recover(holders.commit, rebuilt.digest)
    for group in combinations(holders.parties, 2):
        assert same(holders.opened(group), holders.values)


@pytest.mark.parametrize(("k", "n"), [(2, 3), (3, 4), (3, 5), (4, 7)])
def test_recovery_gives_exactly_the_share_that_was_lost(k: int, n: int) -> None:
    holders = Holders(k, n, values(6))
    lost = holders.parties[n // 2]
    outcome = holders.recover(lost)
    rebuilt = outcome.pop(lost)  # type: ignore[attr-defined]
    assert isinstance(rebuilt, Rebuilt)
    assert same(rebuilt.share, holders.share_of(lost))
    assert rebuilt.liars == ()
    assert set(outcome.values()) == {None}


def test_what_the_recovered_node_is_sent_is_not_the_helpers_shares() -> None:
    holders = Holders(3, 5, values(6))
    lost, sent = holders.parties[0], {}

    def overhear(sender: str, receiver: str, round_: Round, message: Message) -> Message:
        if round_.step == "deliver":
            sent[sender] = np.frombuffer(message, dtype=np.uint64)
        return message

    holders.recover(lost, tamper=overhear)
    points = {holders.points[party]: vector for party, vector in sent.items()}
    assert not [party for party, vector in sent.items() if np.any(vector == holders.share_of(party))]
    assert not np.any(evaluate(dict(list(points.items())[:3]), 0) == holders.values)


@pytest.mark.parametrize(("k", "n", "wrong"), [(2, 5, 2), (3, 5, 1), (4, 7, 2), (2, 3, 0)])
def test_with_the_digest_recovery_survives_as_many_bad_helpers_as_leave_k_good_ones(k: int, n: int, wrong: int) -> None:
    holders = Holders(k, n, values(6))
    lost, bad = holders.parties[0], holders.parties[1 : 2 + wrong]

    def spoil(count: int) -> dict[str, object]:
        def tamper(sender: str, receiver: str, round_: Round, message: Message) -> Message:
            return b"\x05" * len(message) if round_.step == "deliver" and sender in bad[:count] else message

        return holders.recover(lost, tamper=tamper)  # type: ignore[return-value]

    rebuilt = spoil(wrong)[lost]
    assert isinstance(rebuilt, Rebuilt)
    assert same(rebuilt.share, holders.share_of(lost))
    assert set(rebuilt.liars) <= set(bad)
    if n - 1 - (wrong + 1) < k:
        error = spoil(wrong + 1)[lost]
        assert isinstance(error, Cheated)
        assert error.culprits == ()


def test_without_digest_and_without_a_helper_too_many_nothing_is_accepted() -> None:
    holders = Holders(2, 3, values(6))
    assert isinstance(holders.recover(holders.parties[0], known=False)[holders.parties[0]], Cheated)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_resharing_keeps_the_values_for_any_old_and_new_committee(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 5))
    holders = Holders(data.draw(st.integers(2, n)), n, values(4), size=7)
    names = data.draw(st.lists(st.sampled_from(holders.parties), min_size=2, max_size=7, unique=True))
    new = Committee(data.draw(st.integers(2, len(names))), {party: holders.points[party] for party in sorted(names)})
    done(holders, holders.reshare(new))
    for group in combinations(new.holders, new.threshold):
        assert same(holders.opened(group), holders.values)
    left = set(holders.parties) - set(names)
    assert not [party for party in left if holders.stores[party].shares]


def test_after_a_resharing_fewer_than_the_new_threshold_open_nothing() -> None:
    holders = Holders(3, 5, values(6), size=7)
    done(holders, holders.reshare(Committee(4, dict(holders.points))))
    few = {holders.points[party]: holders.share_of(party) for party in holders.parties[:3]}
    assert not np.any(reconstruct(few, 3) == holders.values)


def test_a_long_share_is_dealt_in_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "UNIT", 4)
    holders = Holders(2, 3, values(11), size=4)
    done(holders, holders.refresh())
    assert same(holders.opened(), holders.values)
    lost = holders.parties[1]
    rebuilt = holders.recover(lost)[lost]
    assert isinstance(rebuilt, Rebuilt)
    assert same(rebuilt.share, holders.share_of(lost))
    done(holders, holders.reshare(Committee(3, dict(holders.points))))
    assert same(holders.opened(), holders.values)


def test_an_audit_finds_no_fault_where_there_is_none_and_opens_nothing() -> None:
    holders = Holders(2, 4, values(6))
    said = []

    def overhear(sender: str, receiver: str, round_: Round, message: Message) -> Message:
        if round_.step == "audit":
            said.append(bytes(message[1:]))
        return message

    first = holders.audit(tamper=overhear)
    assert all(isinstance(each, Audit) and each.sound for each in first.values())
    once = set(said)
    said.clear()
    holders.audit(tamper=overhear)
    assert not once & set(said)  # other masks every time


@pytest.mark.parametrize(("k", "n", "liars", "named"), [(2, 4, 1, True), (3, 5, 2, False), (3, 7, 2, True)])
def test_an_audit_finds_a_share_that_is_off_and_names_it_where_that_is_proven(
    k: int, n: int, liars: int, named: bool
) -> None:
    holders = Holders(k, n, values(6), liars=liars)
    bad = holders.parties[1]
    slot = holders.commit.change.slot  # type: ignore[union-attr]
    holders.stores[bad].shares[slot] = bytes(8) + holders.stores[bad].shares[slot][8:]
    for report in holders.audit().values():
        assert isinstance(report, Audit)
        assert not report.sound
        assert report.suspected == (bad,)
        assert report.wrong == ((bad,) if named else ())


def test_at_n_of_n_audit_and_recovery_are_refused() -> None:
    holders = Holders(3, 3, values(6))
    assert all(isinstance(each, Invalid) for each in holders.audit().values())
    outcome = holders.recover(holders.parties[0])
    assert all(isinstance(each, Invalid) for each in outcome.values())


def test_a_share_that_went_wrong_on_a_disk_is_noticed_before_a_refresh_is_voted_on() -> None:
    holders = Holders(3, 5, values(6))
    slot = holders.commit.change.slot  # type: ignore[union-attr]
    bad = holders.parties[1]
    holders.stores[bad].shares[slot] = bytes(8) + holders.stores[bad].shares[slot][8:]
    ran = holders.refresh()
    assert all(isinstance(each, Cheated) and not each.culprits for each in ran.outcome.values())
    assert all(ballot.aborted for ballot in ran.ballots.values())


def leaks(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether two old shares, one new one and the opened check of a 3-of-5 refresh give a combination of the values."""
    holders = Holders(3, 5, values(6))
    before, notes, seeds = shares(holders), {}, []
    original = deal_random.masked

    def spy(code: Code, challenge: bytes, share: Vector) -> Vector:
        seeds.append(challenge)
        return original(code, challenge, share)

    def overhear(sender: str, receiver: str, round_: Round, message: Message) -> Message:
        if round_.step == "check":
            notes[sender] = from_wire(bytes(message)).expect(CheckNote)
        return message

    monkeypatch.setattr(deal_random, "masked", spy)
    done(holders, holders.refresh(tamper=overhear))
    a, b, c = holders.parties[:3]
    seed, said = seeds[0], notes[c].combinations
    # the new share of c less what the dealings added to it is its old share: the third of that epoch
    added = total([from_bytes(bytes.fromhex(said[f"zero/{dealer}"]), CHALLENGES) for dealer in holders.parties])
    third = subtract(combine(seed, shares(holders)[c]), added)
    known = {holders.points[party]: combine(seed, before[party]) for party in (a, b)}
    opened = evaluate({**known, holders.points[c]: third}, 0)
    return bool(np.any(opened == combine(seed, holders.values)))


def test_the_opened_check_does_not_bring_shares_of_two_epochs_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not leaks(monkeypatch)


def test_without_its_mask_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deal_random, "masked", lambda code, seed, share: combine(seed, share[: code.length]))
    assert leaks(monkeypatch)
