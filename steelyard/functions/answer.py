"""A firm's answer to a request, made on its own machine: what an owner's node would encrypt, dealt to the nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from steelyard.ckks import dealt
from steelyard.errors import Invalid, NotFound
from steelyard.field import Vector
from steelyard.functions import sealed_argument
from steelyard.functions.answered import BLOCK, MAX_NOTE, NOTE, numbers
from steelyard.functions.question import Table
from steelyard.functions.statements import OfStatements
from steelyard.identity.sealing import seal
from steelyard.ids import PartyId
from steelyard.randomness import SystemRandomness


@dataclass(frozen=True)
class Answer:
    """`layers` by their lengths, and for each node its share of them; `told` are the figures that the firm can see."""

    layers: Mapping[str, int]
    shares: Mapping[PartyId, Vector] = field(repr=False)
    told: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Asker:
    """Who asks, with the requester's public sealing key, and the nodes that it is dealt to, by their points."""

    question: OfStatements[Any]
    requester: str
    sealing: bytes = field(repr=False)
    points: Mapping[PartyId, int]
    threshold: int

    def answer(self, firm: PartyId, table: Table, decimals: Mapping[str, int]) -> Answer:
        """`table` has the firm's own statements, `decimals` are its columns'.

        Raises NotFound without a statement of that year, Invalid for one that does not balance or that was not asked
        for.
        """
        question, stream = self.question, SystemRandomness()
        if firm not in question.called:
            raise Invalid(f"the request does not ask {firm} for an answer: it asks {', '.join(question.called)}")
        owned = question.as_owner(firm)
        if owned.rows(table) != 1:
            raise NotFound(f"the file has no statement of {firm} for the year that is asked about")
        block = owned.made(owned.bring(table, 1), decimals, stream)
        circuit = question.circuit({firm: 1})
        sealed = seal(self.sealing, msgspec.json.encode(block.labels), sealed_argument.context(self.requester))
        note = numbers(sealed)
        if note.size > MAX_NOTE:
            raise Invalid("the request asks for more figures of one firm than an answer holds: ask for fewer ratios")
        shares = dealt.deal(circuit, firm, block.plain, self.points, self.threshold, stream)
        layers = {NOTE: note.size, BLOCK: dealt.size(circuit, firm)}
        return Answer(
            layers, {party: np.concatenate([note, each]) for party, each in shares.items()}, question.told(block)
        )
