"""Banks' payment queues to measure netting on: the same at every run."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.inputs import Values, vector
from steelyard.setoff.queues import Queues

BANKS: Final = 50
FUNDS: Final = 4  # so scarce that two thirds settle, after more than a hundred passes


def queues(size: int) -> Queues:
    """SIZE payments, as many for each bank, to anybody else; amounts from 1 to a thousand million."""
    length = -(-size // BANKS)
    first, second, third = (np.abs(vector(party, BANKS * length)).reshape(BANKS, length) for party in range(3))
    amounts = 1 + (first % 10**6) * (second % 10**3)
    payees = (np.arange(BANKS)[:, None] + 1 + third % (BANKS - 1)) % BANKS
    return Queues(amounts, payees, FUNDS * (amounts[:, 0] % 10**8))


def settled(size: int) -> Values:
    """(SIZE,): 1 for every payment that settles."""
    return queues(size).settled().reshape(-1)[:size].astype(np.int64)
