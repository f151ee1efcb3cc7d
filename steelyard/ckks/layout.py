"""Which slots are whose: owners' blocks one after the other, statement by statement, in as many batches as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steelyard.ids import PartyId

Batches = NDArray[np.float64]  # (batches, slots)


@dataclass(frozen=True)
class Layout:
    """`blocks`: how many statements each owner has a place for, in the order of the parties; `width` slots for each."""

    blocks: Mapping[PartyId, int]
    width: int
    slots: int

    @property
    def owners(self) -> tuple[PartyId, ...]:
        return tuple(party for party, count in self.blocks.items() if count)

    @property
    def entries(self) -> int:
        return self.width * sum(self.blocks.values())

    @property
    def batches(self) -> int:
        return -(-self.entries // self.slots)

    def placed(self, party: PartyId, values: NDArray[np.float64]) -> Batches:
        """(block * width,) in this owner's slots, zeros in all others."""
        flat = np.zeros(self.batches * self.slots)
        start = self._start(party)
        flat[start : start + values.size] = values
        return flat.reshape(self.batches, self.slots)

    def spare(self) -> Batches:
        """1 in slots that are nobody's."""
        flat = np.zeros(self.batches * self.slots)
        flat[self.entries :] = 1.0
        return flat.reshape(self.batches, self.slots)

    def taken(self, party: PartyId, batches: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """(block, width): this owner's slots."""
        start = self._start(party)
        flat = np.concatenate(batches)[start : start + self.blocks[party] * self.width]
        return flat.reshape(self.blocks[party], self.width)

    def _start(self, party: PartyId) -> int:
        before = 0
        for each, count in self.blocks.items():
            if each == party:
                break
            before += count
        return before * self.width
