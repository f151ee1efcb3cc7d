"""`Ask`: what a strategy wants added up next; a strategy is a generator of asks that gets the sums.

    steps = strategy.steps(records)
    ask = next(steps)
    ask = steps.send(sum of everybody's ask.values)

All parties run the same strategy; what they do next depends on the sums and the request alone, which are the same
everywhere.  So the sums so far are all that it takes to resume (`steelyard.protocols.training`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Conflict, Invalid

T = TypeVar("T")
Floats = NDArray[np.float64]

EXACT: Final = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """`values` is my part; no part is larger in size than `bound` anywhere, which is public.

    `sensitivity` is what one record, or one party, changes my part by at most, in the 2-norm; EXACT where that is not
    known: such an ask is refused where noise is wanted.  `report` is what operators are told when the sum is there.
    """

    name: str
    values: Floats = field(repr=False)
    bound: float
    sensitivity: float = EXACT
    report: Callable[[Floats], dict[str, Any]] | None = field(default=None, repr=False)


Steps = Generator[Ask, Floats, T]


def together(steps: Sequence[Steps[T]]) -> list[T]:
    """Plays several parties in one process, adding up in the clear: for tests, and for what could have been.

    Raises Conflict when the parties do not ask for the same.
    """
    asks, outputs = [next(each) for each in steps], []
    while asks:
        if len({(ask.name, ask.values.size, ask.bound, ask.sensitivity) for ask in asks}) > 1:
            raise Conflict("the parties ask for different sums")
        total = np.sum([checked(ask) for ask in asks], axis=0)
        asks = []
        for each in steps:
            try:
                asks.append(each.send(total))
            except StopIteration as end:
                outputs.append(end.value)
    if len(outputs) != len(steps):
        raise Conflict("some parties have ended before others")
    return outputs


def checked(ask: Ask) -> Floats:
    """The values, if none of them is beyond the bound that was declared; nothing is ever cut off.  Raises Invalid."""
    beyond = int(np.count_nonzero(~(np.abs(ask.values) <= ask.bound)))
    if beyond:
        raise Invalid(
            f"{beyond} of {ask.values.size} values of {ask.name} are beyond the declared bound: train with a smaller"
            " learning rate, or take extreme rows out of the data"
        )
    return ask.values
