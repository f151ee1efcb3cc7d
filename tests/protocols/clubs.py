"""Firms that say to the nodes of a consortium what they owe each other, in one process, and read what they are told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from protocols.consortium import Consortium
from protocols.pools import Box, raised
from protocols.tables import figures

from steelyard import records
from steelyard.digest import digest
from steelyard.documents.contribution import ContributionHeader, Layer, Measure
from steelyard.field import from_signed, uniform
from steelyard.functions.catalogue import question
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.intake import Parcel
from steelyard.functions.means import Means
from steelyard.functions.notices import ABOUT, Part, Told, contribution_of, parts_of, put_together
from steelyard.functions.past import Earlier
from steelyard.functions.set_off import PURPOSE
from steelyard.identity.keys import public_hex
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.setoff.notice import Notice
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.settlement import settle
from steelyard.setoff.statement import Offers, Statement, statements
from steelyard.setoff.terms import Terms, member
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND

NOW = 1_800_000_000_000


@dataclass
class States:
    """A node's saved states in memory; `most` of them, then its disk is full."""

    kept: dict[int, bytes] = field(default_factory=dict)

    def latest(self) -> int:
        return next(number for number in range(len(self.kept) + 1) if number + 1 not in self.kept)

    def read(self, number: int) -> bytes:
        return self.kept[number]

    def keep(self, number: int, opened: bytes) -> None:
        self.kept[number] = opened

    def forget(self) -> None:
        self.kept.clear()


@dataclass
class Memory:
    """What a node has released, by computation."""

    known: Mapping[str, Earlier]

    def released(self, computation: str) -> Earlier | None:
        return self.known.get(computation)


class Club:
    """Nodes, and firms under one set of terms."""

    def __init__(self, terms: Terms, size: int = 3, threshold: int = 2, minimum_group: int = 2) -> None:
        self.terms = terms
        self.consortium = Consortium(size, threshold, minimum_group=minimum_group, decimals=(terms.decimals,))
        self.boxes = {party: Box() for party in self.consortium.parties}
        self.states = {party: States() for party in self.consortium.parties}
        self.keys: dict[str, X25519PrivateKey] = {}
        self.said: dict[str, Statement] = {}

    @classmethod
    def of(cls, obligations: Sequence[Obligation], mode: str = "sealed", **more: Any) -> Club:
        """All firms that occur take part."""
        names = {name for each in obligations for name in (each.debtor, each.creditor)}
        firms = tuple(sorted(map(member, names)))
        nodes = {key: more.pop(key) for key in ("size", "threshold", "minimum_group") if key in more}
        return cls(Terms(round="club", firms=firms, mode=mode, **more), **nodes)  # type: ignore[arg-type]

    def all_say(
        self,
        obligations: Sequence[Obligation],
        offers: Mapping[str, Offers] | None = None,
        but: Collection[str] = (),
    ) -> None:
        """Every firm its own invoices, both sides of all of them; but for those who say nothing."""
        for each in statements(self.terms, obligations, offers):
            if each.firm not in but:
                self.say(each)

    def say(self, statement: Statement, layers: Mapping[str, Any] | None = None) -> None:
        """With other `layers` the firm deals something else than it should."""
        self.said[statement.firm] = statement
        made = statement.layers() | dict(layers or {})
        name = member(statement.firm)
        key = self.keys.setdefault(statement.firm, X25519PrivateKey.generate())
        vector = np.concatenate([from_signed(np.asarray(each, dtype=np.int64)) for each in made.values()])
        header = ContributionHeader(
            id=contribution(statement.firm),
            manifest="22" * 32,
            contributor=name,
            dataset=self.terms.round,
            purpose=PURPOSE,
            columns=(Measure("amount", self.terms.decimals, 0),),
            rows=0,
            layers=tuple(Layer(layer, len(each)) for layer, each in made.items()),
            length=vector.size + BEHIND,
            threshold=self.consortium.threshold,
            commitments={},
            sealed={},
            keys={},
            created_ms=NOW,
            expires_ms=NOW * 2,
        )
        secret = np.concatenate([vector, uniform(SystemRandomness(), BEHIND)])
        points = self.consortium.points
        shares = shamir.share(secret, self.consortium.threshold, list(points.values()), SystemRandomness())
        for party, point in points.items():
            parcel = Parcel(header, digest("header", header.encode()), shares[point].copy(), public_hex(key))
            self.boxes[party].parcels[PartyId(name)] = parcel

    def declare(self, past: Mapping[str, Earlier], **arguments: Any) -> Mapping[PartyId, Any]:
        """Declares a run final; `past` is what every node remembers.  The outcome, errors included, by node."""
        asked = question("finality", {"dataset": self.terms.round, "result": "00" * 32, **arguments})
        return run_locally({party: self._played(asked, party, Memory(past)) for party in self.boxes})

    def clear(
        self, *, tamper: Tamper | None = None, watch: Callable[[PartyId, Any], Any] | None = None, **arguments: Any
    ) -> Cleared:
        asked = question("set_off", {"dataset": self.terms.round, "terms": plain(self.terms), **arguments})
        made = {party: self._played(asked, party) for party in self.boxes}
        outcome = raised(run_locally({p: watch(p, each) if watch else each for p, each in made.items()}, tamper))
        return Cleared(self, figures(self.consortium, asked, outcome), outcome)

    def _played(self, asked: Any, party: PartyId, past: Memory | None = None) -> Protocol[ResultShare]:
        attempt = self.consortium.attempt(party)
        return compute(
            attempt,
            asked,
            introduce(attempt, self.consortium.offer(False)),
            None,
            self.consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            means=Means(intake=self.boxes[party], checkpoints=self.states[party], past=past),  # type: ignore[arg-type]
        )


@dataclass
class Cleared:
    club: Club
    figures: dict[str, Any]
    outcome: Mapping[PartyId, ResultShare]

    def parts(self) -> dict[str, dict[PartyId, Part]]:
        return parts_of({party: each.attachment for party, each in self.outcome.items()})

    def told(self, firm: str, key: X25519PrivateKey | None = None) -> Told:
        """With the firm's own key, or another."""
        club = self.club
        parts = self.parts()[member(firm)]
        private = key or club.keys[firm]
        consortium = club.consortium
        return put_together(
            member(firm),
            parts,
            consortium.keys,
            consortium.points,
            consortium.threshold,
            lambda sealed, bound: unseal(private, sealed, bound),
        )

    def notice(self, firm: str) -> Notice:
        told = self.told(firm).values
        assert contribution_of(told) == contribution(firm)
        found = settle(self.club.said[firm], told[ABOUT:], "club")
        found.check()
        return found

    def cleared(self) -> dict[str, int]:
        """Of every invoice, by id; both sides have been told the same."""
        found: dict[str, int] = {}
        for firm in self.club.said:
            for line in self.notice(firm).lines:
                assert found.setdefault(line.obligation.id, line.cleared) == line.cleared
        return found


def contribution(firm: str) -> str:
    return digest("id", member(firm).encode()).hex()[:32]


def plain(terms: Terms) -> dict[str, Any]:
    import msgspec

    return dict(records.from_json(msgspec.json.encode(terms)))


def debts(*lines: tuple[str, str, int]) -> list[Obligation]:
    return [Obligation(str(number), *line) for number, line in enumerate(lines, start=1)]
