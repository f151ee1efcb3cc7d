"""Which slots are whose: owners' blocks one after the other, statement by statement, in as many batches as it takes.

Firms without a node encode their blocks before anybody knows what others bring.  So their places come first and depend
on the request alone; each lies within one batch, which is all that such a firm deals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.ids import PartyId

Batches = NDArray[np.float64]  # (batches, slots)


@dataclass(frozen=True)
class Layout:
    """`blocks`: how many statements each owner has a place for, in the order of the parties; `width` slots for each.

    `called` are the firms without a node that are asked for theirs: `reserved` statements for each, whether it answers,
    and has a block, or not.
    """

    blocks: Mapping[PartyId, int]
    width: int
    slots: int
    called: tuple[PartyId, ...] = ()
    reserved: int = 0

    @property
    def owners(self) -> tuple[PartyId, ...]:
        return tuple(party for party, count in self.blocks.items() if count)

    @property
    def entries(self) -> int:
        return self._front + self.width * sum(count for party, count in self.blocks.items() if party not in self.called)

    @property
    def batches(self) -> int:
        return -(-self.entries // self.slots)

    def placed(self, party: PartyId, values: NDArray[np.float64]) -> Batches:
        """(block * width,) in this owner's slots, zeros in all others."""
        flat = np.zeros(self.batches * self.slots)
        start = self.start(party)
        flat[start : start + values.size] = values
        return flat.reshape(self.batches, self.slots)

    def spare(self) -> Batches:
        """1 in slots that are nobody's."""
        flat = np.ones(self.batches * self.slots)
        for party, count in self.blocks.items():
            flat[self.start(party) :][: count * self.width] = 0.0
        return flat.reshape(self.batches, self.slots)

    def taken(self, party: PartyId, batches: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """(block, width): this owner's slots."""
        start = self.start(party)
        flat = np.concatenate(batches)[start : start + self.blocks[party] * self.width]
        return flat.reshape(self.blocks[party], self.width)

    def start(self, party: PartyId) -> int:
        """The first of its slots, counted through all batches."""
        if party in self.called:
            return self._reserved_at(self.called.index(party))
        before = 0
        for each, count in self.blocks.items():
            if each == party:
                break
            before += 0 if each in self.called else count
        return self._front + before * self.width

    @property
    def _front(self) -> int:
        """Where the blocks of owners with a node begin."""
        return self._reserved_at(len(self.called) - 1) + self.reserved * self.width if self.called else 0

    def _reserved_at(self, index: int) -> int:
        size = self.reserved * self.width
        batch, place = divmod(index, self.slots // size)
        return batch * self.slots + place * size
