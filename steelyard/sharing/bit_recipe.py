"""What one party does when several dealers deal bits at once: one linear map before sending and one per message after.

The parties' dealings (steelyard.sharing.bit_dealing) stacked: rows in are my bit and all random rows I know, rows out
my shares (of every dealer's bit, or of their sum) and the messages I send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from steelyard.bitfield import Matrix, degree
from steelyard.sharing.bit_dealing import BitDealing, Group, plan


@dataclass(frozen=True, slots=True)
class Recipe:
    """For the party at one position of 1..n."""

    deals: bool  # whether the first row in is a bit of mine
    streams: tuple[tuple[int, Group], ...]  # the further rows in: dealer and receivers
    before: Matrix  # (share rows + message rows, rows in)
    share_rows: int
    sends: Mapping[int, slice]  # receiver -> rows out
    hears: Mapping[int, tuple[slice, Matrix]]  # dealer -> share rows, and the map from its message to them


@lru_cache(maxsize=512)
def recipe(n: int, k: int, dealers: tuple[int, ...], me: int, together: bool) -> Recipe:
    """`together` adds the dealt bits up; otherwise the share rows of the dealers follow each other, m for each."""
    m = degree(n)
    share_rows = m if together else m * len(dealers)
    places = {dealer: slice(0, m) if together else slice(m * i, m * i + m) for i, dealer in enumerate(dealers)}
    plans = {dealer: plan(n, k, dealer) for dealer in sorted(dealers, key=lambda each: each != me)}  # mine comes first
    sends = _sends(plans[me], share_rows) if me in plans else {}
    rows_out = max([share_rows, *(rows.stop for rows in sends.values())])
    streams: list[tuple[int, Group]] = []
    blocks: list[Matrix] = []
    for dealer, dealing in plans.items():
        known = [group for group in dealing.groups if me in (dealer, *group)]
        streams += [(dealer, group) for group in known]
        matrix = dealing.own if dealer == me else dealing.seeded[me]
        block = np.zeros((rows_out, matrix.shape[1]), dtype=np.uint8)
        block[places[dealer]] = matrix
        blocks.append(block)
    for receivers, matrix in plans[me].messages if me in plans else ():
        blocks[0][sends[receivers[0]]] = matrix
    before = np.concatenate(blocks, axis=1)
    hears = {dealer: (places[dealer], dealing.told[me]) for dealer, dealing in plans.items() if me in dealing.told}
    return Recipe(me in plans, tuple(streams), before, share_rows, sends, hears)


def _sends(dealing: BitDealing, first: int) -> dict[int, slice]:
    sends: dict[int, slice] = {}
    for receivers, matrix in dealing.messages:
        sends |= dict.fromkeys(receivers, slice(first, first + matrix.shape[0]))
        first += matrix.shape[0]
    return sends
