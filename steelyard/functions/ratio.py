"""Ratio: financial ratios of encrypted statements, to the requester alone.

Model       as steelyard.protocols.ratio; that a statement is true is its owner's word.
Rounds      those of steelyard.protocols.ratio.   Sends what that does.
Reveals     to the requester: the ratios asked for, of every firm asked about, to at most 4 decimals.
Follows     steelyard.protocols.ratio; docs/decisions/0008-encrypted-ratios.md.
Differs     every statement is scaled by a secret power of two, so nothing about its size is encrypted at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.ckks import ratios
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.profiles import Profile, T
from steelyard.ckks.statements import ABSENT, BEYOND, FINE, UNDEFINED, Statements, Term, fractions
from steelyard.errors import Invalid
from steelyard.functions.statements import CANARIES, AboutStatements, Block, Labels, OfStatements, permuted, shuffled
from steelyard.ids import PartyId
from steelyard.randomness import Randomness

REASONS = {UNDEFINED: "undefined", BEYOND: "beyond the range", ABSENT: "not in the statement"}
MAX_DECIMALS = 4
_CANARY = 1 << 20  # canaries' amounts are up to this


class Ratios(AboutStatements, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `ratios` by their names in steelyard.ckks.ratios."""

    ratios: tuple[str, ...]
    decimals: Annotated[int, msgspec.Meta(ge=0, le=MAX_DECIMALS)] = MAX_DECIMALS

    @property
    def items(self) -> tuple[str, ...]:
        return ratios.columns(self.ratios)

    def check(self) -> None:
        if not self.ratios or len(set(self.ratios)) != len(self.ratios):
            raise Invalid("name at least one ratio, and each once")
        ratios.expanded(self.ratios)
        super().check()


class Ratio(OfStatements[Ratios]):
    """A slot for each firm and plain ratio."""

    @property
    def profile(self) -> Profile:
        return T

    @property
    def names(self) -> tuple[str, ...]:
        """Of the plain ratios, in the order of slots."""
        return ratios.expanded(self.wanted.ratios)

    def circuit(self, rows: Mapping[PartyId, int]) -> Circuit:
        return Circuit(self.profile, self.laid_out(rows, len(self.names)), (1,), self.wanted.balance)

    def block(self, statements: Statements, names: Sequence[tuple[str, int]], stream: Randomness) -> Block:
        found = [ratios.RATIOS[name] for name in self.names]
        order = shuffled(len(names) + CANARIES, stream)
        above = _table(statements, [each.numerator for each in found], stream)[order]
        below = _table(statements, [each.denominator for each in found], stream)[order]
        found_in = np.array([statements.has(*each.columns) for each in found])
        made = fractions(self.profile.plan, self.profile.cap, above.reshape(-1), below.reshape(-1))
        told = made.states.reshape(above.shape)
        told[np.ix_(order < len(names), ~found_in)] = ABSENT
        states: Any = told.tolist()
        described = [*names, *[("", 0)] * CANARIES]
        firms = tuple((*described[i], tuple(each)) for i, each in zip(order.tolist(), states, strict=True))
        canaries = {
            place: tuple((above[place] / below[place]).astype(np.float64).tolist())
            for place, i in enumerate(order.tolist())
            if i >= len(names)
        }
        balance = self.wanted.balance
        identity = np.stack([permuted(each, 0.0, order) for each in statements.identity()]) if balance else None
        return Block(Plain([[made.numerators]], [made.denominators], identity), Labels(firms, canaries))

    def shown(self, values: NDArray[np.float64], states: Sequence[int]) -> dict[str, Any]:
        plain = {
            name: {"value": written(float(value), self.wanted.decimals)}
            if state == FINE
            else {"value": None, "reason": REASONS.get(state, "undefined")}
            for name, value, state in zip(self.names, values, states, strict=True)
        }
        asked = {
            name: {part: plain[part] for part in ratios.COMPOUND[name]} if name in ratios.COMPOUND else plain[name]
            for name in self.wanted.ratios
        }
        return {"ratios": asked}

    def released(self) -> str:
        whose = ", ".join(self.wanted.subjects) or "every firm"
        when = f"of {self.wanted.year}" if self.wanted.year else "of the latest year"
        return (
            f"the ratios {', '.join(self.wanted.ratios)} of the statements {when} of {whose} in {self.wanted.dataset},"
            f" to {self.wanted.decimals} decimals with noise; no item of a statement"
        )


def _table(statements: Statements, terms: Sequence[Term], stream: Randomness) -> NDArray[np.object_]:
    """(rows + CANARIES, terms) amounts; those of canaries are random, none of them zero."""
    words = np.frombuffer(stream.bytes(8 * CANARIES * len(terms)), dtype="<u8") % np.uint64(_CANARY)
    made_up = (words.astype(object) + _CANARY).reshape(CANARIES, len(terms))
    nothing = np.zeros(statements.rows, dtype=object)
    real = [statements.amount(each) if statements.has(*each.columns) else nothing for each in terms]
    return np.concatenate([np.stack(real, axis=1), made_up])


def written(value: float, decimals: int) -> str:
    """As people write it, without a minus before nothing."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text
