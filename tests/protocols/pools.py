"""Stored sharings as nodes make and ask about them, in one process, with contributions of firms without a node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from protocols.consortium import Consortium
from protocols.tables import Rows, figures
from protocols.vaults import NOW, MachineBallot, MemoryStore

from steelyard.digest import digest
from steelyard.documents.contribution import ContributionHeader, Layer, Measure
from steelyard.documents.signed import Signed
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit, decide
from steelyard.epochs.change import Change, Slot
from steelyard.epochs.machine import Machine
from steelyard.epochs.record import Record
from steelyard.errors import SteelyardError
from steelyard.field import Vector, from_bytes, from_signed, uniform
from steelyard.functions.catalogue import question
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.intake import Parcel, Wanted, anything
from steelyard.functions.means import Means
from steelyard.functions.record import MOST_TOGETHER, Kept, Layout, dealt, size_of, written
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.secret import Secret
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND
from steelyard.tables.filter import parse


@dataclass
class Box:
    """A node's intake in memory."""

    parcels: dict[PartyId, Parcel] = field(default_factory=dict)
    doubted: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)

    def held(self, dataset: str, purpose: str, wanted: Wanted = anything) -> dict[PartyId, Parcel]:
        return {
            name: each
            for name, each in self.parcels.items()
            if (each.header.dataset, each.header.purpose) == (dataset, purpose) and wanted(each.header)
        }

    def doubt(self, contribution: str, culprits: Collection[str], suspects: Collection[str]) -> None:
        self.doubted.append((contribution, tuple(culprits), tuple(suspects)))

    def settle(self, run: str, dataset: str, cleared: Mapping[PartyId, str], *, despite: bool) -> None:
        self.drop(list(cleared.values()))

    def drop(self, contributions: Collection[str]) -> int:
        gone = [name for name, each in self.parcels.items() if each.header.id in contributions]
        for name in gone:
            del self.parcels[name]
        return len(gone)


@dataclass
class Shelf:
    """A node's stored sharings in memory."""

    points: Mapping[str, int]
    machine: Machine
    store: MemoryStore
    keys: Mapping[str, Any]
    known: dict[str, Stored] = field(default_factory=dict)
    expires_ms: int = NOW + 60_000

    def find(self, name: str) -> tuple[Stored, Record] | None:
        return next(((each, self.record(each.id)) for each in self.known.values() if each.name == name), None)

    def record(self, sharing: str) -> Record:
        return self.store.load(sharing) or Record(sharing)

    def described(self, sharing: str) -> Stored | None:
        return self.known.get(sharing)

    def begin(self, change: Change, stored: Stored) -> Ending:
        self.known[stored.id] = stored
        self.machine.start(change, NOW)
        return Ending(self.machine, self.store, change, keys=self.keys)


@dataclass
class Ending(MachineBallot):
    keys: Mapping[str, Any] = field(default_factory=dict)

    def conclude(self, votes: Iterable[Signed]) -> None:
        found = decide(self.change, votes, self.keys)
        assert isinstance(found, Commit)
        self.machine.commit(found)


class Pool:
    """Nodes of a consortium; `firms` contribute tables of one column `balance` to `accounts`."""

    def __init__(self, size: int, threshold: int, minimum_group: int = 2) -> None:
        self.consortium = Consortium(size, threshold, minimum_group=minimum_group)
        consortium = self.consortium
        self.boxes = {party: Box() for party in consortium.parties}
        self.shelves = {}
        for party in consortium.parties:
            store = MemoryStore()
            machine = Machine(party, consortium.signing[party], consortium.keys, consortium.points, store)
            self.shelves[party] = Shelf(consortium.points, machine, store, consortium.keys)

    def firm(
        self,
        name: str,
        balances: Sequence[int] | Mapping[str, Sequence[int]],
        *,
        at: Collection[str] = (),
        wrong: Collection[str] = (),
        created_ms: int = NOW,
        decimals: int = 2,
        **changes: Any,
    ) -> str:
        """Its contribution at the nodes `at`, by default all, with shares that are `wrong` at some; its id."""
        columns = balances if isinstance(balances, Mapping) else {"balance": balances}
        layout = Layout(len(columns), 16, vector=False)
        table = Table({column: list(values) for column, values in columns.items()})
        record = dealt(written(table, tuple(columns), parse(""), layout), MOST_TOGETHER, SystemRandomness())
        header = ContributionHeader(
            id=digest("id", name.encode(), str(created_ms).encode()).hex()[:32],
            manifest="22" * 32,
            contributor=name,
            dataset="accounts",
            purpose="record",
            columns=tuple(Measure(column, decimals, 0) for column in columns),
            rows=16,
            layers=tuple(Layer(layer, size) for layer, size in layout.sizes.items()),
            length=layout.size + BEHIND,
            threshold=self.consortium.threshold,
            commitments={},
            sealed={},
            keys={},
            created_ms=created_ms,
            expires_ms=NOW * 2,
        )
        header = msgspec.structs.replace(header, **changes)
        self._put(header, from_signed(record), at, wrong)
        return header.id

    def _put(self, header: ContributionHeader, record: Vector, at: Collection[str], wrong: Collection[str]) -> None:
        points = self.consortium.points
        secret = np.concatenate([record, uniform(SystemRandomness(), BEHIND)])
        shares = shamir.share(secret, self.consortium.threshold, list(points.values()), SystemRandomness())
        fixed = digest("header", header.encode())
        for party, point in points.items():
            share = shares[point].copy()
            share[0] ^= np.uint64(party in wrong)
            if party in (at or points):
                self.boxes[party].parcels[PartyId(header.contributor)] = Parcel(header, fixed, share)

    def share(
        self, balances: Mapping[str, Sequence[int]], tamper: Tamper | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """The requester's figures of `share accounts.balance --name pool` over these parties' rows and all firms."""
        asked = question("share", {"dataset": "accounts", "column": "balance", "name": "pool", **arguments})
        tables = {party: Rows.of(each) for party, each in balances.items()}
        outcome = run_locally({party: self._sharing(asked, party, tables.get(party)) for party in self.boxes}, tamper)
        return figures(self.consortium, asked, raised(outcome))

    def _sharing(self, asked: Any, party: PartyId, table: Rows | None) -> Protocol[ResultShare]:
        attempt, rows = self.consortium.attempt(party), asked.rows(table) if table else 0
        offered = {"bounds": (0,), "rows": rows} if table else {}
        return compute(
            attempt,
            asked,
            introduce(attempt, self.consortium.offer(table is not None, **offered), NOW),
            Secret(asked.bring(table, rows)) if table else None,
            self.consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            means=Means(shelves=self.shelves[party], intake=self.boxes[party]),  # type: ignore[arg-type]
        )

    def ask(self, function: str, **arguments: Any) -> dict[str, Any]:
        """A question about @pool."""
        asked = question(function, {"dataset": "@pool", "column": "balance", **arguments})
        return figures(self.consortium, asked, raised(run_locally({p: self._asking(asked, p) for p in self.boxes})))

    def _asking(self, asked: Any, party: PartyId) -> Protocol[ResultShare]:
        attempt, shelf = self.consortium.attempt(party), self.kept(party)
        return compute(
            attempt,
            asked,
            introduce(attempt, self.consortium.offer(False, stored=shelf.epoch)),
            None,
            self.consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            kept=shelf,
        )

    def kept(self, party: PartyId) -> Kept:
        shelf = self.shelves[party]
        (stored,) = shelf.known.values()
        base = shelf.record(stored.id).base
        body = shelf.store.shares[Slot(stored.id, base.epoch, base.attempt)]
        return Kept(stored, "77" * 32, from_bytes(body, size_of(stored)))


@dataclass(frozen=True)
class Table:
    """`Table` of several columns."""

    columns: dict[str, list[int]]

    def values(self, column: str, where: Any) -> np.ndarray:
        return np.array(self.columns[column], dtype=np.int64)

    def totals(self, column: str, filters: Any) -> tuple[np.ndarray, np.ndarray]:
        values = self.values(column, filters[0])
        return values.sum(keepdims=True), np.array([values.size])


def raised(outcome: Mapping[PartyId, Any]) -> Mapping[PartyId, ResultShare]:
    """Raises what any party raises."""
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    return outcome
