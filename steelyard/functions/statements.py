"""Questions about annual statements: where each owner's slots are, and what the requester is told.

An owner hides the order of its firms in its block and puts canaries among them: made-up statements, whose figures it
tells the requester alone, sealed, with the names of its firms.  A firm without a node that is called to answer does the
same with its own statement, and deals the block to the nodes (steelyard.functions.answer).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard import records
from steelyard.ckks import dealt
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.layout import Layout
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues
from steelyard.ckks.statements import Statements
from steelyard.documents.attempt import Contribution
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.signed import decode
from steelyard.errors import Cheated, Invalid, Malformed, NotFound
from steelyard.field import Vector, total
from steelyard.functions import answered
from steelyard.functions.about_statements import FIRM, YEAR, AboutStatements, chosen_rows, items_of
from steelyard.functions.answered import Carried
from steelyard.functions.intake import Parcel
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.ids import PartyId
from steelyard.protocols import ratio as protocol
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.protocols.joint_decryption import Numbers, Parts, collected
from steelyard.protocols.ratio import Weight
from steelyard.randomness import Randomness, SystemRandomness
from steelyard.rounds import Protocol
from steelyard.sharing.combination import CHALLENGES as MASKS

MAX_BATCHES: Final = 8
MAX_INPUTS: Final = 384 << 20  # bytes of everybody's ciphertexts, which a node holds at once
CANARIES: Final = 4  # in every owner's block
TOLERANCE: Final = 1e-3  # in identities and canaries, beyond the bound of the noise


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
    def called(self) -> tuple[PartyId, ...]:
        """Firms without a node, whose answers to this very request count beside what owners bring."""
        return self.wanted.firms

    @property
    def purpose(self) -> str:
        return answered.PURPOSE if self.called else ""

    @property
    def waits(self) -> bool:
        return bool(self.called)

    def held_as(self, call: str) -> str:
        return answered.held_as(call)

    def takes(self, header: ContributionHeader) -> bool:
        firm = PartyId(header.contributor)
        return firm in self.called and answered.fits(header, dealt.size(self.circuit({firm: 1}), firm))

    def taken(self, parcel: Parcel) -> tuple[Contribution, Vector]:
        """One statement: a constant, which is a share of itself."""
        firm = parcel.header.contributor
        return Contribution(firm, parcel.header.id, (), (), 1), np.ones(1, dtype=np.uint64)

    def checked(self, parcel: Parcel) -> Vector:
        """Of the masks alone: a share of a block is no field element, and always one of some block."""
        return parcel.share[-MASKS:]

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

    def told(self, block: Block) -> Mapping[str, Any]:
        """The figures of an owner's only statement, as far as it knows them before they are told."""
        return {}

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
        attempt, greeting, stream = held.attempt, held.greeting, SystemRandomness()
        circuit = self.agreed(greeting.rows, attempt.participants, attempt.threshold)
        if not circuit.layout.owners:
            lacking = "no party holds a statement of these firms for this year"
            if self.called:
                silent = f"none of {', '.join(self.called)} has answered this call"
                raise NotFound(f"{silent}, and {lacking}: start it again when one has, or check the names")
            raise NotFound(f"{lacking}: check their names, or ask for all")
        size = len(circuit.holders) * sum(2 * ring.size for ring in circuit.rings)
        if circuit.layout.batches > MAX_BATCHES or size > MAX_INPUTS:
            raise Invalid(
                f"at most {MAX_BATCHES * circuit.layout.slots} figures are computed at once, and fewer of many owners:"
                " name fewer firms"
            )
        mine = self._mine(held, stream) if attempt.me in circuit.layout.owners else None
        note = msgspec.json.encode(mine.labels) if mine else b""
        plain = mine.plain if mine else None
        weights, workers, parts = self.weights(held), held.means.workers, {}
        if attempt.me in circuit.stand_ins:
            parcels = held.taken.parcels if held.taken else {}
            notes = {str(firm): answered.note_of(each) for firm, each in parcels.items()}
            note, parts = msgspec.msgpack.encode(Carried(note, notes)), _dealt(circuit, attempt, parcels)
        attachment = yield from protocol.ratio(attempt, greeting, circuit, plain, weights, note, stream, workers, parts)
        return Released(total(list(held.shares.values())), (), attachment)

    def figures(self, opened: Opening) -> dict[str, Any]:
        raise Malformed("a result without its encrypted part")

    @abstractmethod
    def shown(self, values: NDArray[np.float64], states: Sequence[int]) -> dict[str, Any]:
        """One firm's figures, (width,) numbers and their states."""

    def open_attachments(self, attachments: Mapping[PartyId, bytes], opened: Opening) -> dict[str, Any]:
        rows = {PartyId(each.party): each.rows for each in opened.contributions}
        if opened.values.tolist() != [sum(rows.values())]:
            raise Malformed("the number of statements is not what the parties announced")
        asked, scales = (self.profile, opened.request, opened.threshold), self.circuit(rows).scales

        def holders(participants: Sequence[PartyId]) -> Sequence[PartyId]:
            return self.agreed(rows, participants, opened.threshold).holders

        found = collected(*asked, holders, attachments, scales, opened.keys)
        participants = tuple(map(PartyId, found.evaluation.participants))
        circuit = self.agreed(rows, participants, opened.threshold)
        if found.evaluation.circuit != circuit.digest.hex():
            text = "the nodes evaluated another circuit than the one that was asked for"
            raise Cheated(text, suspects=circuit.holders)
        owners, notes = circuit.layout.owners, _notes(circuit, found, opened)
        labels = {party: _labels(circuit, party, notes[party]) for party in owners}
        dealers = [party for party in owners if party in self.called]
        fused = found.fused(lambda numbers: self._check(circuit, numbers, labels, opened), dealers)
        vouched = {each.party: {"sponsor": each.sponsor} for each in opened.contributions if each.sponsor}
        firms = [
            each | vouched.get(party, {})
            for party in owners
            for each in self._firms(circuit, fused.numbers, party, labels[party])
        ]
        missing = sorted(set(self.wanted.subjects) - {each["subject"] for each in firms})
        return {
            "firms": sorted(firms, key=lambda each: (each["subject"], each["party"])),
            "missing": missing,
            "balanced": True if self.wanted.balance else None,
            "error_bound": f"{self.bound(len(circuit.holders)):.1e}",
            "evaluation": found.evaluation.outputs[0],
            "culprits": fused.culprits,
        }

    @abstractmethod
    def bound(self, owners: int) -> float:
        """Of the absolute error of what is shown."""

    def leaks(self) -> Sequence[Leak]:
        called = ", ".join(self.called)
        dealt = (
            Leak(f"which of the firms called ({called}) have answered", "every node, the coordinator, the requester"),
            Leak("what the firms called tell the requester, times random numbers, if they pool shares", "any k nodes"),
        )
        read = Leak(f"that these are asked about: {', '.join(self.wanted.subjects)}", "each of the firms called")
        return (
            *(dealt if called else ()),
            *((read,) if called and len(self.wanted.subjects) > 1 else ()),
            Leak("how many statements each party brings", "every node, the coordinator, the requester"),
            Leak("names of the firms, years, which figures are undefined or beyond the range", "the requester"),
        )

    def longest(self, participants: int, contributors: int = 0) -> int:
        statements = MAX_BATCHES * self.profile.slots // self.circuit({}).layout.width
        return protocol.longest(self.circuit({PartyId("a"): (statements - CANARIES) // self.copies}))

    def laid_out(self, rows: Mapping[PartyId, int], width: int) -> Layout:
        """A block for every party that has statements, with room for its canaries."""
        blocks = {party: count * self.copies + CANARIES if count else 0 for party, count in rows.items()}
        return Layout(blocks, width, self.profile.slots, self.called, self.copies + CANARIES if self.called else 0)

    def agreed(self, rows: Mapping[PartyId, int], participants: Sequence[PartyId], threshold: int) -> Circuit:
        """That of an attempt: with k nodes that stand in for firms, owners before others, if any has answered."""
        if set(participants) & set(self.called):
            raise Invalid("firms that are called to answer are those without a node: leave parties of the manifest out")
        circuit = self.circuit(rows)
        if not set(circuit.layout.owners) & set(self.called):
            return circuit
        first = sorted(participants, key=lambda party: party not in circuit.layout.owners)[:threshold]
        return replace(circuit, stand_ins=tuple(party for party in participants if party in first))

    def made(self, brought: Layers, decimals: Mapping[str, int], stream: Randomness) -> Block:
        """The block of who brings these statements."""
        columns = {name: each for name, each in brought.items() if name not in (FIRM, YEAR)}
        statements = Statements.of(columns, decimals)
        if self.wanted.balance:
            statements.check_balance()
        firms = records.from_json(brought[FIRM].astype(np.uint8).tobytes(), list[str])
        years = (brought[YEAR] // 10 ** decimals[YEAR]).tolist()
        return self.block(statements, list(zip(firms, years, strict=True)), stream)

    def as_owner(self, firm: PartyId) -> OfStatements[S]:
        """The same question about this firm alone, as one asks who has its statement."""
        alone = msgspec.structs.replace(self.wanted, subjects=(firm,), called=msgspec.UNSET)
        return type(self)(self.function, alone)

    def _mine(self, held: Held, stream: Randomness) -> Block:
        if held.brought is None:
            raise Invalid("this party announced statements that it has not brought")
        return self.made(held.brought, dict(zip(self.wanted.columns, held.greeting.decimals, strict=True)), stream)

    def _check(self, circuit: Circuit, numbers: Numbers, labels: Mapping[PartyId, Labels], opened: Opening) -> None:
        """Raises Cheated where an owner's slots are not what it says of them: another may have added to them."""
        again = "make a new call" if self.called else "ask again"
        tolerance, batches = TOLERANCE + self.profile.flood_error(len(circuit.holders)), circuit.layout.batches
        for party, each in labels.items():
            if not self.genuine(circuit.layout.taken(party, numbers[:batches]), each, tolerance, opened):
                text = f"figures in the place of {party} were spoilt: none is shown; one of the suspects did it"
                raise Cheated(f"{text}; {again}")
        for party in labels if circuit.identity else ():
            if not _balanced(circuit, numbers, party, tolerance):
                text = f"a statement in the place of {party} does not balance as encrypted, or somebody spoilt it"
                raise Cheated(f"{text}: none is shown; one of the suspects did it; {again}")

    def _firms(self, circuit: Circuit, numbers: Numbers, party: PartyId, labels: Labels) -> list[dict[str, Any]]:
        found = circuit.layout.taken(party, numbers[: circuit.layout.batches])
        shown = {
            name: {"subject": _printable(name), "party": party, "year": year, **self.shown(found[place], states)}
            for place, (name, year, states) in enumerate(labels.firms)
            if place not in labels.canaries
        }
        return list(shown.values())


def places_of_canaries(order: NDArray[np.int64]) -> tuple[int, ...]:
    """Where a random order has put what came last."""
    return tuple(np.flatnonzero(order >= order.size - CANARIES).tolist())


def shuffled(count: int, stream: Randomness) -> NDArray[np.int64]:
    """A random order of so many places."""
    return np.argsort(np.frombuffer(stream.bytes(8 * count), dtype="<u8"), kind="stable")


def _printable(name: str) -> str:
    """An owner's word for a firm, on somebody else's screen."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _dealt(circuit: Circuit, attempt: Attempt, parcels: Mapping[PartyId, Parcel]) -> dict[int, Residues]:
    """My part of what all firms have dealt, by the places of ciphertexts."""
    points = {party: attempt.points[party] for party in circuit.stand_ins}
    found: dict[int, Residues] = {}
    for firm, parcel in parcels.items():
        share = parcel.layers()[answered.BLOCK]
        for at, part in dealt.part(circuit, firm, share, points, attempt.me).items():
            found[at] = circuit.rings[at].add(found[at], part) if at in found else part
    return found


def _notes(circuit: Circuit, found: Parts, opened: Opening) -> Mapping[PartyId, bytes]:
    """Of all owners; raises Cheated, and Malformed for a firm's that does not open."""
    if not circuit.stand_ins:
        return found.notes
    brought = {}
    for party in circuit.stand_ins:
        with blaming(party):
            brought[party] = answered.carried(found.notes[party])
    firms = [party for party in circuit.layout.owners if party in circuit.layout.called]
    sealed = answered.agreed(brought, firms)
    if opened.unseal is None:
        raise Invalid("answers of firms are sealed to the requester: open the result with its key")
    own = {party: brought[party].own if party in brought else note for party, note in found.notes.items()}
    for firm, note in sealed.items():
        with blaming(firm):  # k nodes have sent the same
            own[firm] = opened.unseal(note)
    return own


def _labels(circuit: Circuit, party: PartyId, note: bytes) -> Labels:
    """An owner's note; raises Malformed for one that does not fit its block."""
    with blaming(party):
        labels, block = decode(note, Labels, "note of an owner"), circuit.layout.blocks[party]
    places = set(labels.canaries)
    if len(labels.firms) != block or any(len(states) != circuit.layout.width for *_, states in labels.firms):
        raise Malformed(f"{party} names other slots than it has", culprits=(party,))
    if not len(labels.canaries) == len(places) == CANARIES or not places <= set(range(block)):
        raise Malformed(f"{party} has canaries outside of its slots, or one twice", culprits=(party,))
    _require_own(circuit.layout.called, party, {name for at, (name, *_) in enumerate(labels.firms) if at not in places})
    return labels


def _require_own(called: Sequence[PartyId], party: PartyId, named: Set[str]) -> None:
    """A firm that is called speaks for itself alone, and nobody speaks for it."""
    others = named - {party} if party in called else named & set(called)
    if others:
        text = f"{party} has answered in the name of {_printable(min(others))}, which answers for itself alone"
        raise Malformed(text, culprits=(party,))


def _balanced(circuit: Circuit, numbers: Numbers, party: PartyId, tolerance: float) -> bool:
    """All batches' identities were added up: a slot is the same place in each of them."""
    own = circuit.balances.placed(party, np.ones(circuit.layout.blocks[party]))
    return bool(np.abs(numbers[-1][own.any(axis=0)]).max() <= tolerance)
