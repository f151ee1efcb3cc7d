"""Totals of all parties' inputs, cell by cell: the protocol behind sum, count and mean.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; inputs are what their owners say.
Rounds      3, 1 more to meet where hellos are not relayed, 1 more to decide on suppression.
            Sends n-k vectors per contributor.
Reveals     to the nodes: of each cell the rows, and the parties with any, unless noise or vectors are asked for.
            To the requester: the released layers of the cells that are not suppressed.  Nothing else of the data.
Follows     summation of Shamir shares (Ben-Or, Goldwasser, Wigderson 1988); docs/tour.md walks through it.
Differs     the sum of the shares goes sealed to the requester, so no node learns the total.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from steelyard.documents.attempt import identity
from steelyard.documents.signed import Signed
from steelyard.errors import Invalid
from steelyard.field import Vector, from_signed, to_signed, total
from steelyard.fixedpoint import check_aggregate
from steelyard.functions.aggregate import SUPPRESSION, Aggregate, dealt_layers, epsilon, released_layers
from steelyard.ids import PartyId
from steelyard.privacy.noise import laplace_share
from steelyard.protocols.agree import Certificate, Ledger, agree
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.deal_inputs import deal_inputs
from steelyard.protocols.greet import Greeting, Introduction, greet
from steelyard.protocols.open_to_nodes import open_to_nodes
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol
from steelyard.secret import REVEAL, Secret

Noise = Callable[[str], Randomness]  # by the input set's identity
Layers = Mapping[str, NDArray[np.int64]]  # layer -> (cells,) in minor units, or rows


@dataclass(frozen=True, slots=True)
class TotalShare:
    """My share of the released cells: layer after layer, suppressed cells left out."""

    share: Vector = field(repr=False)
    suppressed: tuple[int, ...]
    decimals: int
    input_set: bytes
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Question:
    """What is computed: the function's name and its checked arguments."""

    function: str
    wanted: Aggregate

    @property
    def dealt(self) -> tuple[str, ...]:
        return dealt_layers(self.function, self.wanted)

    @property
    def values(self) -> int:
        """How many field elements every contributor deals."""
        return self.wanted.cells * len(self.dealt)

    @property
    def exact(self) -> bool:
        """Cells of rows without noise: those that can be suppressed."""
        return not self.wanted.length and not self.wanted.private

    @property
    def released(self) -> tuple[str, ...]:
        return released_layers(self.function)


def total_of_inputs(
    attempt: Attempt,
    question: Question,
    mine: Introduction,
    inputs: Secret[Layers] | None,
    ledger: Ledger,
    randomness: Randomness,
    noise: Noise,
    relayed: Mapping[PartyId, Signed] | None = None,
) -> Protocol[TotalShare]:
    """`noise` gives the same stream for the same input set, so that retries do not average the noise away.

    `relayed` are the others' hellos, where the coordinator has brought them.
    """
    with mine.keys:
        # 1. Meet, and see early whether the ledger would object.
        greeting = yield from greet(attempt, mine, relayed)
        ledger.check(greeting.contributions)
        # 2. Deal the inputs; add up what I hold.
        vector = _vector(attempt, question, greeting, inputs, noise)
        dealing = deal_inputs(attempt, greeting, vector, question.values, randomness)
        del inputs, vector  # a million values take 8 MB: nothing is held longer than needed
        shares, transcript = yield from dealing
    held = total(list(shares.values())).reshape(len(question.dealt), question.wanted.cells)
    del shares
    # 3. One input set, signed by a quorum.
    input_set, certificate = yield from agree(attempt, greeting, transcript, ledger)
    # 4. Cells over too few rows, or rows of too few parties, are left out.
    suppressed: tuple[int, ...] = ()
    if question.exact:
        deciding = np.concatenate([held[question.dealt.index(layer)] for layer in SUPPRESSION])
        opened = yield from open_to_nodes(attempt, "rows", deciding)
        rows, parties = to_signed(opened.value).reshape(len(SUPPRESSION), question.wanted.cells)
        few = (rows < greeting.minimum_rows) | (parties < greeting.minimum_group)
        suppressed = tuple(np.flatnonzero(few).tolist())
    # 5. What is left is the result share.
    kept = held[: len(question.released)]
    if suppressed:
        kept = np.delete(kept, suppressed, axis=1)
    return TotalShare(np.ascontiguousarray(kept).reshape(-1), suppressed, greeting.decimals, input_set, certificate)


def _vector(
    attempt: Attempt,
    question: Question,
    greeting: Greeting,
    inputs: Secret[Layers] | None,
    noise: Noise,
) -> Secret[Vector] | None:
    if inputs is None:
        return None
    layers = inputs.reveal(REVEAL)
    parts = [layers[layer] for layer in question.dealt]
    if question.wanted.private:
        stream = noise(identity(attempt.computation, attempt.request, greeting.contributions))
        parts = [
            part + _noise(attempt, question, greeting, layer, stream)
            for layer, part in zip(question.dealt, parts, strict=True)
        ]
    for part in parts:
        check_aggregate(part, len(attempt.participants))
    return Secret(np.concatenate([from_signed(part) for part in parts]) if len(parts) > 1 else from_signed(parts[0]))


def _noise(
    attempt: Attempt,
    question: Question,
    greeting: Greeting,
    layer: str,
    stream: Randomness,
) -> NDArray[np.int64]:
    """My part of the noise: any n' - (k-1) of the n' contributors together add the full amount."""
    sensitivity = greeting.bound if layer == "sum" else 1
    if not sensitivity:
        raise Invalid("epsilon needs a declared minimum and maximum of the column at every party")
    sharers = len(greeting.contributors) - (attempt.threshold - 1)
    if sharers < 1:
        raise Invalid("too few parties contribute for noise that nobody knows")
    budget = Fraction(epsilon(question.wanted), len(question.dealt))
    return laplace_share(budget, sensitivity, sharers, question.wanted.cells, stream)
