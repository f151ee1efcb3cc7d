"""Questions about annual statements: which rows of which owner, where their slots are, and what the requester is told.

A party's dataset has a row per firm and year.  An owner hides the order of its firms in its block and puts a canary
among them: a made-up statement, whose figures it tells the requester alone, sealed, with the names of its firms.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.layout import Layout
from steelyard.ckks.profiles import Profile
from steelyard.ckks.statements import IDENTITY, Statements
from steelyard.documents.signed import decode
from steelyard.errors import Cheated, Invalid, Malformed, NotFound
from steelyard.field import total
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.functions.selection import Selection
from steelyard.ids import PartyId, identifier
from steelyard.protocols import ratio as protocol
from steelyard.protocols.joint_decryption import Numbers, collected
from steelyard.protocols.ratio import Weight
from steelyard.randomness import Randomness, SystemRandomness
from steelyard.rounds import Protocol
from steelyard.tables.filter import Filter

FIRM: Final = "firm"
YEAR: Final = "year"
MAX_BATCHES: Final = 8
MAX_INPUTS: Final = 384 << 20  # bytes of everybody's ciphertexts, which a node holds at once
MAX_NAME: Final = 200
CANARIES: Final = 4  # in every owner's block
TOLERANCE: Final = 1e-3  # in identities and canaries, beyond the bound of the noise
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]


class AboutStatements(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  No `subjects` are all firms, `year` 0 is each firm's latest; `balance` checks the identity."""

    dataset: str = "statements"
    column: str = FIRM
    subjects: tuple[Subject, ...] = ()
    year: Annotated[int, msgspec.Meta(ge=0, le=9999)] = 0
    balance: bool = True

    @property
    def items(self) -> tuple[str, ...]:
        """Of a statement, that the question itself takes."""
        raise NotImplementedError

    @property
    def optional(self) -> frozenset[str]:
        """Items that a statement may lack."""
        return frozenset(self.items) - frozenset(IDENTITY if self.balance else ())

    @property
    def columns(self) -> tuple[str, ...]:
        checked = IDENTITY if self.balance else ()
        return tuple(dict.fromkeys((FIRM, YEAR, *self.items, *checked)))

    @property
    def selected(self) -> Filter:
        return self.filter.with_value(YEAR, self.year) if self.year else self.filter

    @property
    def narrowed(self) -> str:
        parts = (self.where, f"{YEAR} = {self.year}" if self.year else "", ", ".join(self.subjects))
        return "; ".join(part for part in parts if part)

    def check(self) -> None:
        if self.column != FIRM:
            raise Invalid(f"statements are named by the column {FIRM}")
        super().check()
        for item in self.items:
            identifier(item, "column")
        if len(set(self.subjects)) != len(self.subjects):
            raise Invalid("a firm is named once")


class Labels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An owner's note: for each place in its block the firm, its year and a state per figure; where canaries are."""

    firms: tuple[tuple[str, int, tuple[int, ...]], ...]  # no name for a canary
    canaries: tuple[int, ...]
    figures: str = ""  # hex digest, where an owner knows the figures
    features: tuple[tuple[float, ...], ...] = ()  # of each canary, where it does not

    def __repr__(self) -> str:
        return f"Labels({len(self.firms)} places)"


@dataclass(frozen=True)
class Block:
    """What an owner encrypts, and its note."""

    plain: Plain
    labels: Labels


S = TypeVar("S", bound=AboutStatements)


class OfStatements(Question[S]):
    """Nodes compute on encrypted statements; what is dealt in shares is only how many each party has."""

    @property
    def local(self) -> bool:
        return True

    @property
    def parts(self) -> bool:
        return True

    @property
    def consented(self) -> bool:
        """Each firm's figures are let out by its owner's part of the key, which nobody else has."""
        return True

    @property
    def optional(self) -> frozenset[str]:
        return self.wanted.optional

    @property
    def copies(self) -> int:
        """In how many places of its owner's block each statement is."""
        return 1

    @property
    @abstractmethod
    def profile(self) -> Profile: ...

    @abstractmethod
    def circuit(self, rows: Mapping[PartyId, int]) -> Circuit:
        """For so many statements of each contributor."""

    @abstractmethod
    def block(self, statements: Statements, names: Sequence[tuple[str, int]], stream: Randomness) -> Block:
        """One owner's; raises what keeps it from taking part."""

    @abstractmethod
    def genuine(self, numbers: NDArray[np.float64], labels: Labels, tolerance: float, opened: Opening) -> bool:
        """Whether an owner's (block, width) numbers are what it encrypted, as far as its note says."""

    def identity(
        self, statements: Statements, order: NDArray[np.int64], stream: Randomness
    ) -> NDArray[np.float64] | None:
        """What shows that the statements balance, if that was asked; (3, block), zeros for canaries."""
        if not self.wanted.balance:
            return None
        each = np.concatenate([statements.identity(stream) for _ in range(self.copies)], axis=1)
        return np.pad(each, ((0, 0), (0, CANARIES)))[:, order]

    def weights(self, held: Held) -> Sequence[Weight]:
        """This node's parts of what the requester keeps private."""
        return ()

    def rows(self, table: Table) -> int:
        return int(chosen_rows(self.wanted, table).size)

    def values(self, rows: int) -> int:
        return 1

    def bring(self, table: Table, rows: int) -> Layers:
        wanted = self.wanted
        chosen = chosen_rows(wanted, table)
        if chosen.size != rows:
            raise Invalid("this party's statements are not as many as it announced")
        firms = table.texts(FIRM, wanted.selected)
        names = msgspec.json.encode([firms[row] for row in chosen])
        numbers = items_of(wanted, table, chosen)
        return {FIRM: np.frombuffer(names, dtype=np.uint8).astype(np.int64), **numbers}

    def inputs(self, brought: Layers, attempt: Any, greeting: Any, noise: Randomness) -> Values:
        return np.array([brought[YEAR].size], dtype=np.int64)

    def release(self, held: Held) -> Protocol[Released]:
        greeting, stream = held.greeting, SystemRandomness()
        circuit = self.circuit({party: greeting.hellos[party].rows for party in greeting.contributors})
        if not circuit.layout.owners:
            raise NotFound("no party holds a statement of these firms for this year: check their names, or ask for all")
        size = len(circuit.layout.owners) * sum(2 * ring.size for ring in circuit.rings)
        if circuit.layout.batches > MAX_BATCHES or size > MAX_INPUTS:
            raise Invalid(
                f"at most {MAX_BATCHES * circuit.layout.slots} figures are computed at once, and fewer of many owners:"
                " name fewer firms"
            )
        mine = self._mine(held, stream) if held.attempt.me in circuit.layout.owners else None
        note = msgspec.json.encode(mine.labels) if mine else b""
        plain = mine.plain if mine else None
        weights, workers = self.weights(held), held.means.workers
        attachment = yield from protocol.ratio(held.attempt, greeting, circuit, plain, weights, note, stream, workers)
        return Released(total(list(held.shares.values())), (), attachment)

    def figures(self, opened: Opening) -> dict[str, Any]:
        raise Malformed("a result without its encrypted part")

    @abstractmethod
    def shown(self, values: NDArray[np.float64], states: Sequence[int]) -> dict[str, Any]:
        """One firm's figures, (width,) numbers and their states."""

    def open_attachments(self, attachments: Mapping[PartyId, bytes], opened: Opening) -> dict[str, Any]:
        rows = {PartyId(each.party): each.rows for each in opened.contributions}
        circuit = self.circuit(rows)
        if opened.values.tolist() != [sum(rows.values())]:
            raise Malformed("the number of statements is not what the parties announced")
        owners = circuit.layout.owners
        asked, scales = (self.profile, opened.request, opened.threshold), circuit.scales
        found = collected(*asked, owners, attachments, scales, opened.keys)
        if found.evaluation.circuit != circuit.digest.hex():
            raise Cheated("the nodes evaluated another circuit than the one that was asked for", suspects=owners)
        labels = {party: _labels(circuit, party, found.notes[party]) for party in owners}
        fused = found.fused(lambda numbers: self._check(circuit, numbers, labels, opened))
        firms = [each for party in owners for each in self._firms(circuit, fused.numbers, party, labels[party])]
        missing = sorted(set(self.wanted.subjects) - {each["subject"] for each in firms})
        return {
            "firms": sorted(firms, key=lambda each: (each["subject"], each["party"])),
            "missing": missing,
            "balanced": True if self.wanted.balance else None,
            "error_bound": f"{self.bound(len(owners)):.1e}",
            "evaluation": found.evaluation.outputs[0],
            "culprits": fused.culprits,
        }

    @abstractmethod
    def bound(self, owners: int) -> float:
        """Of the absolute error of what is shown."""

    def leaks(self) -> Sequence[Leak]:
        return (
            Leak("how many statements each party brings", "every node, the coordinator, the requester"),
            Leak("names of the firms, years, which figures are undefined or beyond the range", "the requester"),
        )

    def longest(self, participants: int, contributors: int = 0) -> int:
        statements = MAX_BATCHES * self.profile.slots // self.circuit({}).layout.width
        return protocol.longest(self.circuit({PartyId("a"): (statements - CANARIES) // self.copies}))

    def laid_out(self, rows: Mapping[PartyId, int], width: int) -> Layout:
        """A block for every party that has statements, with room for its canaries."""
        blocks = {party: count * self.copies + CANARIES if count else 0 for party, count in rows.items()}
        return Layout(blocks, width, self.profile.slots)

    def _mine(self, held: Held, stream: Randomness) -> Block:
        if held.brought is None:
            raise Invalid("this party announced statements that it has not brought")
        decimals = dict(zip(self.wanted.columns, held.greeting.decimals, strict=True))
        columns = {name: each for name, each in held.brought.items() if name not in (FIRM, YEAR)}
        statements = Statements.of(columns, decimals)
        if self.wanted.balance:
            statements.check_balance()
        firms = msgspec.json.decode(held.brought[FIRM].astype(np.uint8).tobytes(), type=list[str])
        years = (held.brought[YEAR] // 10 ** decimals[YEAR]).tolist()
        return self.block(statements, list(zip(firms, years, strict=True)), stream)

    def _check(self, circuit: Circuit, numbers: Numbers, labels: Mapping[PartyId, Labels], opened: Opening) -> None:
        """Raises Cheated where an owner's slots are not what it says of them."""
        tolerance, batches = TOLERANCE + self.profile.flood_error(len(labels)), circuit.layout.batches
        for party, each in labels.items():
            if not self.genuine(circuit.layout.taken(party, numbers[:batches]), each, tolerance, opened):
                raise Cheated(f"the figures of {party} are not those that it encrypted: none is shown; ask again")
        for party in labels if circuit.identity else ():
            if not _balanced(circuit, numbers, party, tolerance):
                raise Cheated(f"a statement of {party} does not balance as encrypted, or somebody spoilt it; ask again")

    def _firms(self, circuit: Circuit, numbers: Numbers, party: PartyId, labels: Labels) -> list[dict[str, Any]]:
        found = circuit.layout.taken(party, numbers[: circuit.layout.batches])
        shown = {
            name: {"subject": _printable(name), "party": party, "year": year, **self.shown(found[place], states)}
            for place, (name, year, states) in enumerate(labels.firms)
            if place not in labels.canaries
        }
        return list(shown.values())


def chosen_rows(wanted: AboutStatements, table: Table) -> NDArray[np.int64]:
    """The rows asked about, in the file's order: of every subject one."""
    latest: dict[str, tuple[int, int]] = {}
    years = table.values(YEAR, wanted.selected).tolist()
    for row, (firm, year) in enumerate(zip(table.texts(FIRM, wanted.selected), years, strict=True)):
        if wanted.subjects and firm not in wanted.subjects:
            continue
        if firm in latest and latest[firm][0] == year:
            raise Invalid(f"row {row + 1} of {wanted.dataset} is a second statement of the same firm and year")
        latest[firm] = max(latest.get(firm, (year, row)), (year, row))
    return np.array(sorted(row for _, row in latest.values()), dtype=np.int64)


def items_of(wanted: AboutStatements, table: Table, chosen: NDArray[np.int64]) -> Layers:
    """The years and items of the rows chosen; raises NotFound for one that is lacking and may not."""
    return {
        name: table.values(name, wanted.selected)[chosen]
        for name in wanted.columns
        if name != FIRM and (table.has(name) or name not in wanted.optional)
    }


def places_of_canaries(order: NDArray[np.int64]) -> tuple[int, ...]:
    """Where a random order has put what came last."""
    return tuple(np.flatnonzero(order >= order.size - CANARIES).tolist())


def shuffled(count: int, stream: Randomness) -> NDArray[np.int64]:
    """A random order of so many places."""
    return np.argsort(np.frombuffer(stream.bytes(8 * count), dtype="<u8"), kind="stable")


def _printable(name: str) -> str:
    """An owner's word for a firm, on somebody else's screen."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _labels(circuit: Circuit, party: PartyId, note: bytes) -> Labels:
    """An owner's note; raises Malformed for one that does not fit its block."""
    labels, block = decode(note, Labels, "note of an owner"), circuit.layout.blocks[party]
    places = set(labels.canaries)
    if len(labels.firms) != block or any(len(states) != circuit.layout.width for *_, states in labels.firms):
        raise Malformed(f"{party} names other slots than it has", culprits=(party,))
    if len(places) != CANARIES or not places <= set(range(block)):
        raise Malformed(f"{party} has canaries outside of its slots", culprits=(party,))
    return labels


def _balanced(circuit: Circuit, numbers: Numbers, party: PartyId, tolerance: float) -> bool:
    """All batches' identities were added up: a slot is the same place in each of them."""
    own = circuit.balances.placed(party, np.ones(circuit.layout.blocks[party]))
    return bool(np.abs(numbers[-1][own.any(axis=0)]).max() <= tolerance)
