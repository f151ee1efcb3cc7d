"""What need not be on disk at once: approvals that have not been run, and results, which can be computed again.

They are in memory first and on disk within a second, many in one transaction: a small sum waits for the disk once, for
the ledger's entry before the vote.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Final

import structlog

from node.books import Books, now_ms
from steelyard.documents.attempt import InputSet, ResultNote
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import read
from steelyard.errors import SteelyardError

SECONDS: Final = 1.0
SWEEP: Final = 600  # settlings between two looks for saved shares that nobody needs any more
log = structlog.get_logger(__name__)


def settle(books: Books) -> None:
    """Puts on disk what is not there yet; what was in memory leaves it only when that has succeeded."""
    with books.settling:
        _settle(books)


def _settle(books: Books) -> None:
    held = books.computations.held
    if not held:
        books.consent.settle()
        return
    with books.consent.settling():
        for computation, result in held.items():
            books.computations.store(computation, result)
            fields = {"computation": computation, "parties": list(_parties(result))}
            books.audit.record("released", fields, now_ms=now_ms())
    books.computations.release(held)
    for computation in held:
        books.trained.settled(computation)


async def keep_settling(books: Books) -> None:
    """For ever, every second; a full disk is reported and tried again."""
    for turn in count(1):
        await asyncio.sleep(SECONDS)
        try:
            await asyncio.to_thread(settle, books)
            if turn % SWEEP == 0:
                await asyncio.to_thread(books.sweep)
        except SteelyardError as error:
            log.error("not_settled", problem=error.message)
        await asyncio.to_thread(books.changes.renew_keys)


def _parties(result: SealedResult) -> tuple[str, ...]:
    return read(InputSet, read(ResultNote, result.note.payload).input_set).parties
