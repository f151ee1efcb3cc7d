"""Netting of banks' queued payments: what each bank contributes, what is asked, and what each bank is told.

    queues = read(Path("payments.csv").read_text(), balances=Path("balances.csv").read_text(), decimals=2)
    result = net(client, queues, decimals=2)                    # plays all banks, their keys in this profile
    notice = notice_of(client, result.computation, "north")     # what only north may read

A bank that speaks for itself calls `contribute` with its own queue and the names of all banks, in one order everywhere;
then whoever may ask calls `ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Unpack

import msgspec
import numpy as np

from steelyard import fixedpoint, records
from steelyard.documents.contribution import Bundle, ContributionHeader, Measure
from steelyard.documents.request import Request
from steelyard.documents.signed import read as read_document
from steelyard.errors import Cheated, Invalid, NotFound
from steelyard.functions.netting import PURPOSE
from steelyard.functions.notices import ABOUT, Told, contribution_of, parts_of, put_together
from steelyard.identity import files
from steelyard.ids import PartyId
from steelyard.setoff.queue import Queue, tag
from steelyard.setoff.terms import members

from .client import HAND_IN, Client
from .delivery import deliver
from .firm import LIFE_DAYS, Firm
from .questions import Asked, with_options
from .results import Computation, Result

DATASET: Final = "payments"
FUNCTION: Final = "netting"
_QUEUES: Final = "queues"  # in a bank's folder: what it contributed, by the contribution's id
_MAX_FILE: Final = 1 << 28


class _Kept(msgspec.Struct, frozen=True):
    """What a bank remembers of its own contribution, to read the notice by."""

    queue: Queue
    decimals: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What one bank is told, amounts in minor units.  `released` says of each of its payments whether it settles."""

    bank: str
    computation: str
    decimals: int
    queue: Queue = field(repr=False)
    position: int = field(repr=False)  # received less paid
    released: tuple[bool, ...] | None = field(repr=False)  # None where all that is told is the position
    verified: bool  # whether a wrong share would have been noticed
    nodes: tuple[PartyId, ...]  # that told it

    @property
    def balance(self) -> int:
        """Afterwards."""
        return self.queue.balance + self.position

    def check(self) -> None:
        """What the bank checks alone; raises Cheated.  No netting can then have overdrawn it or broken its order."""
        if self.released is None:
            return
        if list(self.released) != sorted(self.released, reverse=True):
            raise Cheated("the notice releases a payment before one that is more urgent")
        paid = sum(each.amount for each, out in zip(self.queue.payments, self.released, strict=True) if out)
        if self.position + paid < 0:
            raise Cheated("the notice says that the bank receives less than nothing")
        if paid and self.balance + self.queue.limit < 0:
            raise Cheated("the notice releases payments that the bank's balance, limit and receipts do not cover")

    def to_json(self) -> dict[str, Any]:
        """Amounts as exact decimal strings."""

        def shown(amount: int) -> str:
            return fixedpoint.format(amount, self.decimals)

        found = {
            "bank": self.bank,
            "computation": self.computation,
            "position": shown(self.position),
            "balance": shown(self.balance),
            "verified": self.verified,
            "nodes": list(self.nodes),
        }
        if self.released is None:
            return found
        lines = zip(self.queue.payments, self.released, strict=True)
        payments = [
            {"id": each.id, "payee": each.payee, "amount": shown(each.amount), "released": out} for each, out in lines
        ]
        return {**found, "payments": payments}


def contribute(
    client: Client,
    queues: Sequence[Queue],
    banks: Sequence[str],
    *,
    decimals: int = 0,
    dataset: str = DATASET,
    days: int = LIFE_DAYS,
    timeout: float = HAND_IN,
) -> tuple[str, ...]:
    """Hands in what these of the `banks` want to pay, sealed for the nodes; their keys are made at the first use.

    `banks` are all that take part, in the order that everybody uses.  Returns the contributions' ids, once all nodes
    have them.  Raises Invalid for queues that are none, and what a node that refuses says.
    """
    names = members(list(banks))
    for each in queues:
        _known(each, names)

    def seal(queue: Queue) -> Bundle:
        return _sealed(client.firm(names[queue.bank]), queue, banks, decimals, dataset, days)

    return deliver(client, [partial(seal, each) for each in queues], lambda at, of: None, timeout)


def ask(
    client: Client,
    banks: Sequence[str],
    *,
    mode: str = "gridlock",
    decimals: int = 0,
    passes: int | None = None,
    dataset: str = DATASET,
    **asked: Unpack[Asked],
) -> Result:
    """Nets what all these banks have contributed: `gridlock`, `positions`, or `settles` for one bit."""
    more = with_options(asked, **({} if passes is None else {"passes": passes}))
    return client.netting(banks, mode=mode, decimals=decimals, dataset=dataset, **more)


def net(
    client: Client,
    queues: Sequence[Queue],
    *,
    mode: str = "gridlock",
    decimals: int = 0,
    passes: int | None = None,
    dataset: str = DATASET,
    **asked: Unpack[Asked],
) -> Result:
    """Plays all banks: contributes their queues, then asks."""
    banks = [each.bank for each in queues]
    contribute(client, queues, banks, decimals=decimals, dataset=dataset)
    return ask(client, banks, mode=mode, decimals=decimals, passes=passes, dataset=dataset, **asked)


def notice_of(client: Client, computation: str, bank: str) -> Notice:
    """What a bank, whose keys lie in this profile, was told by a netting of this profile's; checked.

    Raises NotFound for a bank that took no part, Cheated for notices that contradict each other or the bank's orders.
    """
    found = client.get(computation)
    member = _member(_netting(client, found), bank)
    firm, membership = Firm.of(client.desk.profile, member, make=False), client.desk.membership
    parts = parts_of(client.attachments(found.id)).get(member, {})
    told = put_together(
        member,
        parts,
        membership.signing_keys,
        membership.points,
        membership.threshold,
        firm.unseal,
    )
    if told.computation != found.id:
        raise Cheated("the notice is of another netting", suspects=told.nodes)
    notice = _notice(firm, bank, told)
    notice.check()
    return notice


def _notice(firm: Firm, bank: str, told: Told) -> Notice:
    values = told.values.tolist()
    kept = _kept(firm.folder, contribution_of(told.values))
    position, bits = values[ABOUT], values[ABOUT + 1 :]
    if any(bit not in (0, 1) for bit in bits) or 0 < len(bits) < len(kept.queue.payments):
        raise Cheated("the notice does not say of every payment whether it is released", suspects=told.nodes)
    released = tuple(map(bool, bits[: len(kept.queue.payments)])) if told.tells == "payments" else None
    return Notice(bank, told.computation, kept.decimals, kept.queue, position, released, told.verified, told.nodes)


def _known(queue: Queue, names: Mapping[str, str]) -> None:
    if queue.bank not in names:
        raise Invalid(f"{queue.bank[:60]} is no bank of this netting")


def _sealed(firm: Firm, queue: Queue, banks: Sequence[str], decimals: int, dataset: str, days: int) -> Bundle:
    names = list(members(list(banks)).values())
    layers = {
        tag(names, decimals): np.empty(0, dtype=np.int64),
        **queue.layers({bank: at for at, bank in enumerate(banks)}),
    }
    columns = (Measure("amount", decimals, 0),)
    bundle = firm.seal(layers, dataset=dataset, purpose=PURPOSE, columns=columns, rows=queue.rows, days=days)
    identifier = read_document(ContributionHeader, bundle.header.payload).id
    folder = files.private_directory(firm.folder / _QUEUES)
    files.replace(folder / f"{identifier}.json", msgspec.json.encode(_Kept(queue, decimals)), files.PRIVATE)
    return bundle


def _netting(client: Client, computation: Computation) -> Request:
    request = client.desk.signed_by_me(computation)
    if request.function != FUNCTION:
        raise Invalid(f"computation {computation.id} is no netting: there are no notices of {request.function}")
    if request.arguments.get("mode") == "settles":
        raise Invalid("this netting said only whether all payments settle: it has no notices")
    return request


def _member(request: Request, bank: str) -> PartyId:
    (member,) = members([bank]).values()
    if member not in request.arguments["banks"]:
        raise NotFound(f"{bank[:60]} took no part in this netting")
    return member


def _kept(folder: Path, contribution: str) -> _Kept:
    """What the bank kept of the contribution that the notice is about."""
    path = folder / _QUEUES / f"{contribution}.json"
    if not path.exists():
        raise NotFound("the queue that this notice is about was contributed from another folder: open it there")
    return records.from_json(files.read(path, _MAX_FILE), _Kept)
