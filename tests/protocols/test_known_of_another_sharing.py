"""What one node says of a sharing that once had the name does not take the place of the one that has it now."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
from protocols.vaults import NOW, POOL, Holders, values

from steelyard.documents.signed import sign
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Base, Change
from steelyard.epochs.record import Generation, Record
from steelyard.epochs.votes import Prepared
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


def test_one_node_cannot_lead_a_recovery_to_a_sharing_that_was_forgotten() -> None:
    holders = Holders(2, 3, values(3))
    liar, name = holders.parties[2], token(16).hex()
    now = genuine(holders, POOL, 2)
    before = msgspec.structs.replace(POOL, id="00" * 16)
    past = genuine(holders, before, 7)  # it lasted longer; all others have forgotten it
    asked, running = question("recover", {"dataset": "@pool", "party": holders.parties[0]}), {}
    for party in holders.parties:
        stored, commit = (before, past) if party == liar else (POOL, now)
        generation = Generation(commit.change.made, commit.change.new, commit)
        record = Record(stored.id, standing="active", active=generation)
        shelves = SimpleNamespace(points=holders.points, find=lambda _, s=stored, r=record: (s, r))
        running[PartyId(party)] = _known(holders.attempt(PartyId(party), name, holders.parties), asked, shelves)  # type: ignore[arg-type]
    outcome = run_locally(running)
    for party in holders.parties[:2]:
        found = outcome[PartyId(party)]
        assert isinstance(found, Known)
        assert found.stored.id == POOL.id
