"""Bits as shares of all parties of a ring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from protocols.circles import Ring

from steelyard import bitfield
from steelyard.bitfield import Bits
from steelyard.ids import PartyId
from steelyard.randomness import SystemRandomness


def pack(rows: Sequence[Sequence[int]]) -> Bits:
    """(rows, words) from 0s and 1s."""
    padded = np.zeros((len(rows), 64 * bitfield.words(len(rows[0]))), dtype=np.uint8)
    padded[:, : len(rows[0])] = rows
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def share_bits(ring: Ring, rows: Sequence[Sequence[int]]) -> dict[PartyId, Bits]:
    """A fresh sharing (m, rows, words) of these rows, over the positions of the parties."""
    secret, m = pack(rows), bitfield.degree(len(ring.parties))
    start = np.zeros((m, secret.size), dtype=np.uint64)
    start[0] = secret.ravel()
    drawn = np.frombuffer(SystemRandomness().bytes(8 * (ring.consortium.threshold - 1) * start.size), dtype=np.uint64)
    shares = {}
    for position, party in enumerate(ring.parties, start=1):
        share, power = start.copy(), 1
        for coefficient in drawn.reshape(-1, *start.shape):
            power = bitfield.multiply(power, position, m)
            bitfield.add_mapped(bitfield.scaling(power, m), coefficient, share)
        shares[party] = share.reshape(m, *secret.shape)
    return shares
