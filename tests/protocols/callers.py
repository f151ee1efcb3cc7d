"""Firms without a node that answer a request, as nodes and the requester see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from protocols.consortium import Consortium
from protocols.pools import Box
from protocols.statements import SCHEMA, Books, Row, opened
from protocols.vaults import NOW

from steelyard.digest import digest
from steelyard.documents.contribution import ContributionHeader, Layer
from steelyard.errors import SteelyardError
from steelyard.field import Vector, uniform
from steelyard.functions import sealed_argument
from steelyard.functions.answer import Asker
from steelyard.functions.answered import PURPOSE, held_as
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.intake import Parcel
from steelyard.functions.means import Means, Unseal
from steelyard.functions.question import Question
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.secret import Secret
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND

LENDER = "lender"
CALL = "44" * 32


@dataclass
class Callers:
    """`answers` deals a firm's statement to all nodes; `asked` is what they compute, `opened` what the lender sees."""

    consortium: Consortium
    boxes: dict[PartyId, Box] = field(default_factory=dict)
    key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.boxes = {party: Box() for party in self.consortium.parties}

    def unseal(self, ciphertext: bytes) -> bytes:
        return unseal(self.key, ciphertext, sealed_argument.context(LENDER))

    def call(self, question: Question[Any]) -> Asker:
        """As the lender's firms see it."""
        sealing, consortium = self.key.public_key().public_bytes_raw(), self.consortium
        return Asker(question, LENDER, sealing, consortium.points, consortium.threshold)  # type: ignore[arg-type]

    def answers(
        self,
        question: Question[Any],
        row: Row,
        *,
        call: str = CALL,
        at: Sequence[PartyId] = (),
        change: Callable[[PartyId, Vector], Vector] = lambda party, share: share,
    ) -> str:
        """A firm's answer to this call, at the nodes `at`, by default all; its id."""
        consortium, firm = self.consortium, PartyId(row["firm"])
        decimals = {each.name: each.decimals for each in SCHEMA.columns}
        found = self.call(question).answer(firm, Books([row]), decimals)
        points, random = consortium.points, SystemRandomness()
        masks = shamir.share(uniform(random, BEHIND), consortium.threshold, list(points.values()), random)
        header = ContributionHeader(
            id=digest("id", firm.encode(), call.encode()).hex()[:32],
            manifest="22" * 32,
            contributor=firm,
            dataset=held_as(call),
            purpose=PURPOSE,
            columns=(),
            rows=1,
            layers=tuple(Layer(name, size) for name, size in found.layers.items()),
            length=sum(found.layers.values()) + BEHIND,
            threshold=consortium.threshold,
            commitments={},
            sealed={},
            keys={},
            created_ms=NOW,
            expires_ms=NOW * 2,
        )
        fixed = digest("header", header.encode())
        for party, point in points.items():
            share = np.concatenate([change(party, found.shares[party]), masks[point]])
            if party in (at or points):
                self.boxes[party].parcels[firm] = Parcel(header, fixed, share, sponsor="analyst")
        return header.id

    def play(
        self,
        question: Question[Any],
        books: Mapping[PartyId, Books],
        tamper: Tamper | None = None,
        participants: Sequence[PartyId] = (),
        unseal: Mapping[PartyId, Unseal] | None = None,
        call: str = CALL,
    ) -> dict[PartyId, ResultShare | SteelyardError]:
        """What every participant ends with."""
        chosen = tuple(participants or self.consortium.parties)
        return run_locally(
            {party: self._one(question, party, books.get(party), chosen, unseal, call) for party in chosen}, tamper
        )

    def opened(self, question: Question[Any], outcome: Mapping[PartyId, ResultShare], **more: Any) -> dict[str, Any]:
        return opened(self.consortium, question, outcome, unseal=self.unseal, **more)

    def _one(
        self,
        question: Question[Any],
        party: PartyId,
        table: Books | None,
        participants: Sequence[PartyId],
        unseal: Mapping[PartyId, Unseal] | None,
        call: str,
    ) -> Protocol[ResultShare]:
        places = tuple(SCHEMA.column(name).decimals for name in question.wanted.columns)
        rows = question.rows(table) if table else 0
        offered = {"decimals": places, "bounds": (0,) * len(places), "rows": rows} if table else {}
        attempt = self.consortium.attempt(party, participants)
        return compute(
            attempt,
            question,
            introduce(attempt, self.consortium.offer(table is not None, minimum_group=0, **offered)),
            Secret(question.bring(table, rows)) if table else None,
            self.consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            means=Means(intake=self.boxes[party], unseal=unseal[party] if unseal else None, call=call),
        )
