"""Some nodes have committed a change and others not yet: who asks for upkeep then is told to ask again, of no cheat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from protocols.test_known_of_another_sharing import genuine
from protocols.vaults import POOL, Holders, values

from steelyard.documents.attempt import Contribution, InputSet
from steelyard.epochs.certificate import Commit
from steelyard.epochs.record import Generation, Record
from steelyard.errors import Conflict, PolicyRefused
from steelyard.functions.catalogue import question
from steelyard.functions.shelves import epoch_digest
from steelyard.functions.upkeep import keep_up
from steelyard.ids import PartyId
from steelyard.protocols.greet import Offer, introduce
from steelyard.randomness import token
from steelyard.rounds import run_locally


class Ledger:
    """Who signs an input set comes to it, and no further."""

    def check(self, contributions: Sequence[Contribution]) -> None: ...

    def enter(self, input_set: InputSet) -> None:
        raise PolicyRefused("a node went on to sign an input set")


def refreshed(holders: Holders, offered: Mapping[str, Commit], held: Mapping[str, Commit]) -> Mapping[PartyId, object]:
    """A refresh to which each came by the epoch that it `offered` in its hello, and finds what it has `held` since."""
    name, asked = token(16).hex(), question("refresh", {"dataset": "@pool", "sharing": POOL.id, "epoch": 1})
    running = {}
    for party in map(PartyId, holders.parties):
        attempt = holders.attempt(party, name, holders.parties)
        commit = held[party]
        record = Record(POOL.id, standing="active", active=Generation(commit.change.made, commit.change.new, commit))
        shelves = SimpleNamespace(points=holders.points, find=lambda _, found=(POOL, record): found)
        mine = introduce(attempt, Offer(False, epoch_digest(POOL, offered[party].change.made)))
        running[party] = keep_up(attempt, asked, mine, shelves, Ledger())  # type: ignore[arg-type]
    return run_locally(running)


@pytest.mark.parametrize("late", [1, 2, 3])
def test_who_has_committed_since_its_hello_makes_nobody_a_cheat(late: int) -> None:
    holders = Holders(2, 4, values(3))
    before, after = genuine(holders, POOL, 1), genuine(holders, POOL, 2)
    held = {party: before if at < late else after for at, party in enumerate(holders.parties)}
    outcome = refreshed(holders, dict.fromkeys(holders.parties, before), held)
    for party, commit in held.items():
        assert isinstance(outcome[PartyId(party)], Conflict if commit is after else PolicyRefused), outcome


@pytest.mark.parametrize("late", [1, 2, 3])
def test_hellos_of_two_epochs_are_no_cheat_either(late: int) -> None:
    holders = Holders(2, 4, values(3))
    before, after = genuine(holders, POOL, 1), genuine(holders, POOL, 2)
    stands = {party: before if at < late else after for at, party in enumerate(holders.parties)}
    outcome = refreshed(holders, stands, stands)
    assert all(isinstance(each, Conflict) for each in outcome.values()), outcome


def test_where_all_stand_at_one_epoch_they_go_on() -> None:
    holders = Holders(2, 4, values(3))
    now = dict.fromkeys(holders.parties, genuine(holders, POOL, 1))
    assert all(isinstance(each, PolicyRefused) for each in refreshed(holders, now, now).values())
