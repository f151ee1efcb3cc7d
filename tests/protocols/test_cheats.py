"""A thousand single cheats in every role: all noticed, named as docs/guarantees.md says, and nobody honest ever is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from protocols.cheats import (
    Lie,
    below,
    deal_wrongly,
    groundless_complaint,
    off_by_something,
    off_in_the_audit,
    other_combination,
    other_header,
    other_keys,
)
from protocols.vaults import Holders, values

from steelyard.epochs.certificate import Commit, decide
from steelyard.epochs.committee import Committee
from steelyard.errors import Cheated
from steelyard.ids import PartyId
from steelyard.protocols.recover import Rebuilt

PARTS = 10
CHEATS = 1000 // PARTS  # of each role, in each part
SHAPES = [(2, 3)] * 8 + [(2, 4), (3, 4)]


def consortium() -> tuple[Holders, PartyId]:
    k, n = SHAPES[below(len(SHAPES))]
    holders = Holders(k, n, values(3), size=n + 1)
    return holders, holders.parties[below(n)]


def errors(outcome: Mapping[PartyId, object], villain: PartyId) -> Iterator[Cheated]:
    yield from (each for party, each in outcome.items() if party != villain and isinstance(each, Cheated))


def blame(outcome: Mapping[PartyId, object], villain: PartyId, *, proven: bool) -> None:
    """Some honest party notices; nobody names anybody but the villain; all who notice name it, where that is proven."""
    found = list(errors(outcome, villain))
    assert found
    for error in found:
        assert set(error.culprits) <= {villain}
        assert not proven or error.culprits == (villain,)
        assert proven or not error.suspects or villain in error.suspects or villain in error.culprits


def no_commit(holders: Holders, votes: list[object]) -> None:
    """Whatever votes there are, they commit nothing."""
    assert not isinstance(decide(*votes, holders.keys), Commit)  # type: ignore[arg-type]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_dealer_of_one_wrong_element_is_named(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(CHEATS):
        holders, villain = consortium()
        with monkeypatch.context() as patch:
            deal_wrongly(patch, villain, "zero", own=below(4) == 0)
            ran = holders.refresh(tamper=Lie(holders, villain, "open", other_keys) if below(4) == 0 else None)
        blame(ran.outcome, villain, proven=True)
        no_commit(holders, [ran.change, ran.votes])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_receiver_that_lies_about_its_combination_is_named(part: int) -> None:
    lies = [other_combination, other_combination, other_combination, other_header]
    for _ in range(CHEATS):
        holders, villain = consortium()
        others = [party for party in holders.committee.holders if party != villain]
        victim = others[below(len(others))] if below(2) else ""
        ran = holders.refresh(tamper=Lie(holders, villain, "check", lies[below(4)], victim))
        blame(ran.outcome, villain, proven=True)
        no_commit(holders, [ran.change, ran.votes])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_bytes_that_are_not_what_their_header_says_leave_two_suspects(part: int) -> None:
    for _ in range(CHEATS):
        holders, villain = consortium()
        others = [party for party in holders.committee.holders if party != villain]
        victim = others[below(len(others))]
        ran = holders.refresh(tamper=Lie(holders, villain, "deal", off_at_the_end, victim))
        found = list(errors(ran.outcome, villain))
        assert found
        assert all(error.culprits == () and villain in error.suspects for error in found)
        no_commit(holders, [ran.change, ran.votes])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["complaint", "audit"])
def test_a_groundless_complaint_or_a_wrong_word_in_the_audit_stops_a_change_and_blames_nobody_honest(
    part: int, kind: str
) -> None:
    step, lie = ("verdict", groundless_complaint) if kind == "complaint" else ("audit", off_in_the_audit)
    for _ in range(CHEATS // 2):
        holders, villain = consortium()
        ran = holders.refresh(tamper=Lie(holders, villain, step, lie))
        blame(ran.outcome, villain, proven=False)
        no_commit(holders, [ran.change, ran.votes])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_helper_that_sends_a_wrong_share_is_survived_or_noticed(part: int) -> None:
    for _ in range(CHEATS):
        holders, villain = consortium()
        others = [party for party in holders.committee.holders if party != villain]
        lost = PartyId(others[below(len(others))])
        outcome = holders.recover(lost, tamper=Lie(holders, villain, "deliver", off_by_something))
        spare = len(others) - 1 - holders.committee.threshold  # good helpers too many
        if spare >= 0:
            rebuilt = outcome[lost]
            assert isinstance(rebuilt, Rebuilt)
            assert rebuilt.share.tobytes() == holders.share_of(lost).tobytes()  # type: ignore[union-attr]
            assert set(rebuilt.liars) <= {villain}
        else:
            blame({lost: outcome[lost]}, villain, proven=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_an_old_holder_that_passes_on_a_wrong_share_changes_no_value(part: int) -> None:
    for _ in range(CHEATS):
        holders, villain = consortium()
        new = Committee(2, {party: holders.points[party] for party in holders.parties[1:]})
        ran = holders.reshare(new, tamper=Lie(holders, villain, "pass on", off_by_something))
        found = decide(ran.change, ran.votes, holders.keys)
        if isinstance(found, Commit):  # corrected by the code, at everybody
            holders.settle(ran.change, ran.votes)
            assert holders.opened().tolist() == holders.values.tolist()
        else:
            blame(ran.outcome, villain, proven=False)


def off_at_the_end(lie: Lie, message: bytes) -> bytes:
    """Beyond the header: the share itself; or another share where there was none."""
    front = int.from_bytes(message[:4], "little") + 4
    body = message[front:]
    return message[:front] + (off_by_something(lie, body) if body else bytes(8))
