"""A helper answers with a share of the epoch that is recovered, at the threshold it knows of, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from protocols.forgeries import forged
from protocols.vaults import POOL, SHARING, Holders, met, values

from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Slot
from steelyard.epochs.record import Record
from steelyard.errors import SteelyardError
from steelyard.field import P, Vector, from_bytes, to_bytes
from steelyard.functions.catalogue import question
from steelyard.functions.record import size_of
from steelyard.functions.shelves import epoch_digest
from steelyard.functions.upkeep import Known
from steelyard.ids import PartyId
from steelyard.protocols.greet import Offer, introduce
from steelyard.randomness import token
from steelyard.rounds import run_locally


@dataclass
class TheirShelves:
    """What `node.shelves` gives a protocol."""

    holders: Holders
    me: str

    @property
    def points(self) -> Mapping[str, int]:
        return self.holders.points

    def record(self, sharing: str) -> Record:
        return self.holders.machines[self.me].record(sharing)

    def share(self, record: Record) -> Vector:
        slot = Slot(record.sharing, record.base.epoch, record.base.attempt)
        return from_bytes(self.holders.stores[self.me].shares[slot], size_of(POOL))

    def expect(self, certificate: Commit, stored: Stored) -> None:
        self.holders.machines[self.me].expect(certificate)

    def restore(self, certificate: Commit, share: Vector, digest: str) -> None:
        self.holders.stores[self.me].put(certificate.change.slot, to_bytes(share), digest)
        self.holders.machines[self.me].recover(certificate, digest)


def recovered(holders: Holders, certificate: Commit, lost: str) -> tuple[dict[PartyId, Any], dict[str, Vector]]:
    """How it ends at everybody, and what the one who lost its share was sent."""
    asked = question("recover", {"dataset": "@pool", "party": lost})
    known, name, sent = Known(POOL.encode(), certificate), token(16).hex(), {}

    def listen(sender: PartyId, receiver: PartyId, round_: Any, message: Any) -> Any:
        if round_.step == "deliver":
            sent[str(sender)] = from_bytes(bytes(message), size_of(POOL))
        return message

    running = {}
    for party in holders.parties:
        attempt = holders.attempt(PartyId(party), name, holders.parties)
        shelves = TheirShelves(holders, party)
        step = lambda greeting, a=attempt, s=shelves: asked.step(a, greeting, known, s)  # noqa: E731
        record = shelves.record(SHARING)
        stored = epoch_digest(POOL, record.base) if party != lost and record.standing == "active" else ""
        running[PartyId(party)] = met(attempt, introduce(attempt, Offer(contributes=False, stored=stored)), step)
    return run_locally(running, listen), sent


def line_at(x: int, points: Mapping[int, Vector]) -> list[int]:
    """The values at x of the lines through two points."""
    (p, y), (q, z) = points.items()
    slope = [(int(b) - int(a)) * pow(q - p, -1, P) % P for a, b in zip(y, z, strict=True)]
    return [(int(a) + s * (x - p)) % P for a, s in zip(y, slope, strict=True)]


def test_one_stolen_share_of_last_year_and_one_node_of_this_year_open_nothing() -> None:
    """2 of 3.  The thief has `stale`'s disk of epoch 1 and controls `thief` in epoch 2: one of each, below k.

    `stale` did not hear of the refresh, and helps in a recovery with the only share it has.  What it sends is that
    share, which the thief knows, under the mask: so the thief has the mask, and with it what `fresh` sends.
    """
    holders = Holders(2, 3, values(size_of(POOL)), liars=0)
    fresh, thief, stale = holders.parties
    stolen = holders.share_of(stale)
    ran = holders.refresh([fresh, thief])
    commit = holders.settle(ran.change, ran.votes)
    outcome, sent = recovered(holders, commit, thief)
    x = holders.points
    if fresh in sent and stale in sent:
        mask_at_stale = [(int(a) - int(b)) % P for a, b in zip(sent[stale], stolen, strict=True)]
        zero = np.zeros(size_of(POOL), dtype=np.uint64)
        mask = line_at(x[fresh], {x[thief]: zero, x[stale]: np.array(mask_at_stale, dtype=np.uint64)})
        share = np.array([(int(a) - m) % P for a, m in zip(sent[fresh], mask, strict=True)], dtype=np.uint64)
        opened = line_at(0, {x[fresh]: share, x[thief]: holders.share_of(thief)})
        assert opened != holders.values.tolist(), "the thief has opened everything"
    assert isinstance(outcome[PartyId(stale)], SteelyardError)
    assert stale not in sent


def test_who_is_stale_stands_by_while_another_is_recovered() -> None:
    """3 of 6, two of whom missed a refresh and are both up: each gets its share back while the other waits."""
    holders = Holders(3, 6, values(size_of(POOL)), liars=1)
    *present, one, other = holders.parties
    ran = holders.refresh(present)
    commit = holders.settle(ran.change, ran.votes)
    outcome, sent = recovered(holders, commit, one)
    assert set(sent) == set(present)
    assert all(outcome[PartyId(party)] == (2, 4, size_of(POOL)) for party in holders.parties)
    outcome, sent = recovered(holders, commit, other)
    assert set(sent) == {*present, one}


def test_too_few_who_are_up_to_date_are_told_what_to_do() -> None:
    holders = Holders(3, 5, values(size_of(POOL)), liars=0)
    *present, one, _ = holders.parties
    ran = holders.refresh(present)
    commit = holders.settle(ran.change, ran.votes)
    outcome, _ = recovered(holders, commit, one)
    assert "4 others must hold theirs" in str(outcome[PartyId(one)])


def test_helpers_of_three_of_three_do_not_mask_for_a_threshold_of_two() -> None:
    """Two lying nodes of 3 of 3 show a Commit of a 2 of 3 that never was; the third masks its share with lines.

    A recovery is impossible at 3 of 3, and one line is known to who knows a point of it beside the anchor.
    """
    holders = Holders(3, 3, values(size_of(POOL)))
    honest, one, other = holders.parties
    lie = forged(holders, (one, other), holders.parties)
    share = holders.share_of(honest)
    for party in (one, other):  # they play along, with whatever they like for a share
        record = holders.stores[party].records[SHARING]
        assert record.active is not None
        fake = msgspec.structs.replace(record.active, base=lie.change.made, commit=lie)
        holders.stores[party].records[SHARING] = msgspec.structs.replace(record, active=fake)
        holders.stores[party].shares[Slot(SHARING, lie.change.made.epoch, lie.change.attempt)] = bytes(share.nbytes)
    outcome, sent = recovered(holders, lie, one)
    assert honest not in sent
    assert isinstance(outcome[PartyId(honest)], SteelyardError)
