"""What one node says of a sharing that once had the name does not take the place of the one that has it now."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
from protocols.vaults import NOW, POOL, Holders, values

from steelyard.documents.signed import sign
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Base, Change
from steelyard.epochs.record import Generation, Record
from steelyard.epochs.votes import Prepared
from steelyard.errors import NotFound
from steelyard.functions.catalogue import question
from steelyard.functions.upkeep import Known, _known
from steelyard.ids import PartyId
from steelyard.randomness import token
from steelyard.rounds import run_locally


def genuine(holders: Holders, stored: Stored, epoch: int) -> Commit:
    """Of all holders, as it was made when this was stored."""
    change = Change(
        sharing=stored.id, description=stored.digest.hex(), manifest="44" * 32, attempt="ab" * 16, kind="refresh",
        base=Base(epoch - 1, "ee" * 16), old=holders.committee, new=holders.committee,
        voters=tuple(sorted(holders.parties)), liars=1, expires_ms=NOW,
    )  # fmt: skip
    said = Prepared(
        sharing=stored.id, attempt=change.attempt, change=change.digest, transcript="11" * 32, checks="22" * 32,
        share="55" * 32,
    )  # fmt: skip
    return Commit(change.encode(), tuple(sign(said, each, holders.signing[each]) for each in change.voters))


def told(holders: Holders, said: Mapping[str, tuple[Stored, Commit] | None]) -> Mapping[PartyId, Any]:
    """What everybody takes for known, by what each stands at."""
    name, asked = token(16).hex(), question("recover", {"dataset": "@pool", "party": holders.parties[0]})
    running = {}
    for party, stands in said.items():
        shelf = None
        if stands is not None:
            stored, commit = stands
            generation = Generation(commit.change.made, commit.change.new, commit)
            shelf = (stored, Record(stored.id, standing="active", active=generation))
        shelves = SimpleNamespace(points=holders.points, find=lambda _, found=shelf: found)
        running[PartyId(party)] = _known(holders.attempt(PartyId(party), name, holders.parties), asked, shelves)  # type: ignore[arg-type]
    return run_locally(running)


def test_one_node_cannot_lead_a_recovery_to_a_sharing_that_was_forgotten() -> None:
    holders = Holders(2, 3, values(3))
    liar, now = holders.parties[2], genuine(holders, POOL, 2)
    before = msgspec.structs.replace(POOL, id="00" * 16)
    past = genuine(holders, before, 7)  # it lasted longer; all others have forgotten it
    outcome = told(holders, {party: (before, past) if party == liar else (POOL, now) for party in holders.parties})
    for party in holders.parties[:2]:
        found = outcome[PartyId(party)]
        assert isinstance(found, Known)
        assert found.stored.id == POOL.id


def test_who_has_nothing_believes_what_so_many_say_that_one_is_honest() -> None:
    holders = Holders(2, 4, values(3), liars=1)
    empty, *others = holders.parties
    now, past = genuine(holders, POOL, 2), genuine(holders, POOL, 7)
    outcome = told(holders, {empty: None, others[0]: (POOL, past), others[1]: (POOL, now), others[2]: (POOL, now)})
    found = outcome[PartyId(empty)]
    assert isinstance(found, Known)
    assert found.certificate == now


def test_who_has_nothing_does_not_believe_one_node() -> None:
    holders = Holders(2, 3, values(3))
    empty, honest, liar = holders.parties
    now, past = genuine(holders, POOL, 2), genuine(holders, POOL, 7)
    outcome = told(holders, {empty: None, honest: (POOL, now), liar: (POOL, past)})
    assert isinstance(outcome[PartyId(empty)], NotFound)
