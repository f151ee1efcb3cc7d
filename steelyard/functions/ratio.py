"""Ratio: financial ratios of encrypted statements, to the requester alone.

Model       as steelyard.protocols.ratio; that a statement is true is its owner's word.
Rounds      those of steelyard.protocols.ratio.   Sends what that does.
Reveals     to the requester: the ratios asked for, of every firm asked about, to at most 4 decimals.
Follows     steelyard.protocols.ratio; docs/decisions/0008-encrypted-ratios.md.
Differs     an owner encrypts each ratio, rounded as asked, over a random number: whoever opened it all would see no
            more of a statement.  A digest of the figures, for the requester, shows that nobody has changed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard.ckks import ratios
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.division import normalised
from steelyard.ckks.profiles import Profile, T
from steelyard.ckks.statements import ABSENT, BEYOND, FINE, UNDEFINED, Statements, Term, quotients
from steelyard.digest import digest
from steelyard.errors import Invalid
from steelyard.functions.about_statements import AboutStatements
from steelyard.functions.question import Opening
from steelyard.functions.statements import (
    CANARIES,
    Block,
    Labels,
    OfStatements,
    places_of_canaries,
    shuffled,
)
from steelyard.ids import PartyId
from steelyard.randomness import Randomness

REASONS = {UNDEFINED: "undefined", BEYOND: "beyond the range", ABSENT: "not in the statement"}
MAX_DECIMALS = 4
_CANARY = 1 << 20  # canaries have so many different values: 80 bits in a block at least
_MOST = float(1 << 62)  # what is no figure at all is beyond


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
        above, below = (_table(statements, [term(each) for each in found]) for term in (_above, _below))
        made = quotients(self.profile.cap, self.wanted.decimals, above, below)
        made.states[:, [not statements.has(*each.columns) for each in found]] = ABSENT
        order = shuffled(len(names) + CANARIES, stream)
        values = np.concatenate([made.values, _made_up(len(found), stream)])[order]
        states: Any = np.concatenate([made.states, np.full((CANARIES, len(found)), FINE)])[order].tolist()
        described = [*names, *[("", 0)] * CANARIES]
        firms = tuple((*described[i], tuple(each)) for i, each in zip(order.tolist(), states, strict=True))
        canaries = places_of_canaries(order)
        pair = normalised(self.profile.plan, values.reshape(-1), stream)
        plain = Plain([[pair.numerators]], [pair.denominators], self.identity(statements, order, stream))
        return Block(plain, Labels(firms, canaries, self._figures(values, canaries)))

    def genuine(self, numbers: NDArray[np.float64], labels: Labels, tolerance: float, opened: Opening) -> bool:
        return self._figures(numbers, labels.canaries) == labels.figures

    def told(self, block: Block) -> Mapping[str, Any]:
        [(above,)], [below] = block.plain.numerators, block.plain.denominators
        plan, width = self.profile.plan, len(self.names)
        values = (above / below * (plan.denominator / plan.numerator)).reshape(-1, width)
        place = next(at for at in range(len(values)) if at not in block.labels.canaries)
        return self.shown(values[place], block.labels.firms[place][2])

    def bound(self, owners: int) -> float:
        return self.profile.error(owners, self.wanted.decimals)

    def _figures(self, values: NDArray[np.float64], canaries: Sequence[int]) -> str:
        """Digest of a block's figures, rounded; made-up ones make it useless to who has not decrypted them."""
        units = np.rint(values * 10.0**self.wanted.decimals)
        units[list(canaries)] = np.rint(values[list(canaries)] * 10.0**MAX_DECIMALS)
        return digest("figures", np.clip(units, -_MOST, _MOST).astype("<i8").tobytes()).hex()

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


def _above(each: ratios.Ratio) -> Term:
    return each.numerator


def _below(each: ratios.Ratio) -> Term:
    return each.denominator


def _table(statements: Statements, terms: Sequence[Term]) -> NDArray[np.object_]:
    """(rows, terms) amounts, 0 where an item is missing."""
    nothing = np.zeros(statements.rows, dtype=object)
    return np.stack([statements.amount(each) if statements.has(*each.columns) else nothing for each in terms], axis=1)


def _made_up(width: int, stream: Randomness) -> NDArray[np.float64]:
    """(CANARIES, width) random figures of MAX_DECIMALS decimals."""
    words = np.frombuffer(stream.bytes(8 * CANARIES * width), dtype="<u8") % np.uint64(_CANARY)
    return np.asarray(words.astype(np.float64) / 10**MAX_DECIMALS).reshape(CANARIES, width)


def written(value: float, decimals: int) -> str:
    """As people write it, without a minus before nothing."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text
