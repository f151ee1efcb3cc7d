"""Netting: banks' queued payments settled against each other; each bank learns its own part, the requester sums.

Model       semi-honest nodes, at most k-1 of n >= 2k-1; banks that deal what they like.
Rounds      those of steelyard.protocols.queue_check, and of steelyard.protocols.gridlock where a gridlock is resolved;
            3 or more else.   Sends what these do.
Reveals     to each bank: its net position, and which of its payments settle.  To the requester: what is queued, what
            settles, how much money that saves and how many passes it took; or one bit.  To the nodes: the passes.
Follows     Bech, Soramaki 2001 (first in, first out), as in steelyard.protocols.gridlock.
Differs     banks need no node: their queues are contributions, checked before use.  A bank's part is sealed to its own
            key by every node (steelyard.functions.notices) and travels with the result.

Checked: every amount and all funds are in range, every payee is one bank, and not the payer.  Trusted: that a bank
wants to pay what it queues, and has the balance that it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from steelyard import fixedpoint
from steelyard.digest import digest
from steelyard.documents.attempt import Contribution, identity
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.manifest import Name
from steelyard.documents.notice import Tells
from steelyard.errors import Invalid, Malformed, NotFound
from steelyard.field import Vector
from steelyard.functions.intake import Parcel
from steelyard.functions.notices import about, sealed_parts
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table
from steelyard.functions.selection import Selection
from steelyard.functions.upkeep import numbers
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import whole
from steelyard.protocols.compare import longest_message
from steelyard.protocols.gridlock import MOST_PASSES, Queued, positions, resolve, settles
from steelyard.protocols.queue_check import check_queues
from steelyard.rounds import Protocol
from steelyard.setoff.queue import MOST_CHOICES, MOST_PAYMENTS, form

PURPOSE: Final = "payments"
MAX_BANKS: Final = 1_000
Mode = Literal["gridlock", "positions", "settles"]
_LAYERS: Final = {"gridlock": 4, "positions": 2, "settles": 1}  # numbers that the requester gets


class Payments(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `banks` in the public order in which payees are numbered; `passes` at most are opened."""

    column: str = "amount"
    banks: Annotated[tuple[Name, ...], msgspec.Meta(min_length=2, max_length=MAX_BANKS)]
    mode: Mode = "gridlock"
    decimals: Annotated[int, msgspec.Meta(ge=0, le=6)] = 0
    passes: Annotated[int, msgspec.Meta(ge=1, le=MOST_PAYMENTS)] = MOST_PASSES

    def check(self) -> None:
        super().check()
        if self.stored or self.where:
            raise Invalid("netting takes whole queues that banks have contributed: neither @NAME nor a filter")
        if len(set(self.banks)) < len(self.banks):
            raise Invalid("a bank takes part in a netting once")


class Netting(Question[Payments]):
    """Contributors deal funds, amounts in their order, and for every payment which bank is paid."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def waits(self) -> bool:
        return True

    @property
    def purpose(self) -> str:
        return PURPOSE

    @property
    def contributed(self) -> bool:
        return True

    def takes(self, header: ContributionHeader) -> bool:
        layers = {layer.name: layer.length for layer in header.layers}
        fits = layers == form(self.wanted.banks, self.wanted.decimals, header.rows)
        measured = [each.decimals for each in header.columns] == [self.wanted.decimals]
        return fits and measured and header.rows > 0 and header.contributor in self.wanted.banks

    def taken(self, parcel: Parcel) -> tuple[Contribution, Vector]:
        header = parcel.header
        return Contribution(header.contributor, header.id, (self.wanted.decimals,), (0,), header.rows), parcel.share

    def values(self, rows: int) -> int:
        """No party with a node deals: it contributes as the others do."""
        return 0

    def bring(self, table: Table, rows: int) -> Layers:
        raise Invalid("banks contribute their payments (`steelyard netting contribute`): none is imported at a node")

    def release(self, held: Held) -> Protocol[Released]:
        banks = self._all_there(held)
        queued = self._queued(held)
        circle = yield from held.circle()
        # 1. What was dealt are queues; the challenge was known to nobody before.
        yield from check_queues(circle, queued, banks, digest("queues", held.transcript.encode()))
        # 2. One bit, or numbers for the requester and a notice for every bank.
        if self.wanted.mode == "settles":
            return Released((yield from settles(circle, queued)))
        share, told = yield from self._netted(circle, queued)
        return Released(share, attachment=self._notices(held, told))

    def _netted(self, circle: Circle, queued: Queued) -> Protocol[tuple[Vector, Vector]]:
        """For the requester, and (banks, 1 or more) for the banks."""
        gross = whole(queued.amounts.reshape(-1))
        if self.wanted.mode == "positions":
            net, saved = yield from positions(circle, queued)
            return np.concatenate([gross, saved]), net[:, None]
        found = yield from resolve(circle, queued, self.wanted.passes)
        sums = np.concatenate([gross, found.settled, found.saved, numbers((found.passes,))])
        return sums, np.concatenate([found.positions[:, None], found.active], axis=1)

    def _all_there(self, held: Held) -> tuple[PartyId, ...]:
        missing = [bank for bank in self.wanted.banks if bank not in held.shares]
        if missing or not held.taken:
            few = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
            text = f"no queue of {few} for these banks, in this order, has arrived at all nodes"
            raise NotFound(f"{text}: every bank contributes, an empty queue if it pays nothing")
        return tuple(PartyId(bank) for bank in self.wanted.banks)

    def _queued(self, held: Held) -> Queued:
        rows = [held.greeting.rows[PartyId(bank)] for bank in self.wanted.banks]
        banks, length = len(rows), max(rows)
        if banks * length > MOST_PAYMENTS or banks * banks * length > MOST_CHOICES:
            raise Invalid(f"at most {MOST_PAYMENTS} payments, and {MOST_CHOICES} times banks, padding included")
        amounts = np.zeros((banks, length), dtype=np.uint64)
        payees = np.zeros((banks, length, banks), dtype=np.uint64)
        funds = np.zeros(banks, dtype=np.uint64)
        for at, bank in enumerate(self.wanted.banks):
            share, own = held.shares[PartyId(bank)], rows[at]
            funds[at], amounts[at, :own] = share[0], share[1 : 1 + own]
            payees[at, :own] = share[1 + own :].reshape(own, banks)
            payees[at, own:, (at + 1) % banks] = 1  # what only fills the table up pays nothing to the next one
        return Queued(amounts, payees, funds)

    def _notices(self, held: Held, told: Vector) -> bytes:
        """Each bank's row: which contribution it is about, then my shares, as many payments as it dealt."""
        parcels = held.taken.parcels if held.taken else {}
        rows = {PartyId(bank): row for bank, row in zip(self.wanted.banks, told, strict=True)}
        shares = {bank: _row(parcels[bank].header, row) for bank, row in rows.items()}
        inputs = identity(held.attempt.computation, held.attempt.request, held.greeting.contributions)
        keys = {bank: parcels[bank].sealing for bank in rows}
        tells: Tells = "payments" if self.wanted.mode == "gridlock" else "position"
        return sealed_parts(held.attempt, self.wanted.dataset, inputs, tells, shares, keys)

    def figures(self, opened: Opening) -> dict[str, Any]:
        found = opened.rows(_LAYERS[self.wanted.mode], 1)[:, 0].tolist()
        common = {"mode": self.wanted.mode, "banks": len(self.wanted.banks)}
        if self.wanted.mode == "settles":
            if found[0] not in (0, 1):
                raise Malformed("an answer that is neither yes nor no")
            return {**common, "settles": bool(found[0])}
        queued, settled, saved, *passes = found if len(found) == 4 else (found[0], found[0], found[1])
        if not 0 <= saved <= settled <= queued or any(each < 0 for each in passes):
            raise Malformed("more is settled than was queued, or saved than is settled")
        sums = {
            "queued": queued,
            "settled": settled,
            "held": queued - settled,
            "saved": saved,
            "needed": settled - saved,
        }
        shown: dict[str, Any] = {name: fixedpoint.format(each, self.wanted.decimals) for name, each in sums.items()}
        if passes:
            shown |= {"settles": not passes[0], "passes": passes[0]}
        return common | shown

    def released(self) -> str:
        wanted = self.wanted
        among = f"the payments queued in {wanted.dataset} between {len(wanted.banks)} banks"
        if wanted.mode == "settles":
            return f"whether {among} all settle by netting; nothing else"
        sums = f"the sum of {among}, and how much money netting saves"
        if wanted.mode == "positions":
            return f"{sums}; no payment, no position and no balance"
        return f"{sums}; the sum of those that settle, and after how many passes; no payment, position or balance"

    def leaks(self) -> Sequence[Leak]:
        everybody = "every node, the coordinator, the requester"
        lengths = Leak("how many payments each bank has queued, up to a power of two", everybody)
        wrong = Leak(
            "of a bank that dealt no queue of payments: that, and how many amounts are out of range", "every node"
        )
        if self.wanted.mode == "settles":
            return (lengths, wrong)
        position = Leak("its own net position", "each bank, for itself")
        if self.wanted.mode == "positions":
            return (position, lengths, wrong)
        return (
            Leak("its own net position, and which of its own payments settle", "each bank, for itself"),
            Leak(f"after each of at most {self.wanted.passes} passes whether it dropped a payment", everybody),
            lengths,
            wrong,
        )

    def longest(self, participants: int, contributors: int = 0) -> int:
        return max(longest_message(2 * MOST_PAYMENTS + MAX_BANKS, participants), 32 * MOST_PAYMENTS)


def _row(header: ContributionHeader, told: Vector) -> Vector:
    return np.concatenate([np.array(about(header.id), dtype=np.uint64), told[: 1 + header.rows]])
