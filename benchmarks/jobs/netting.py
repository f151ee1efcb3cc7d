"""Gridlock resolution: which of banks' queued payments settle together, with amounts, payees and funds secret."""

from __future__ import annotations

from typing import Final

from benchmarks import payments
from benchmarks.circuit import Circuit

JOB: Final = Circuit(
    name="netting",
    about=f"which of SIZE payments in the queues of {payments.BANKS} banks settle together, as shares",
    size=10_000,
    runs=3,
    program="netting",
    expected=payments.settled,
)
