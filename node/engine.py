"""Runs attempts: from the coordinator's word to a sealed result in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog

from node import inputs
from node.books import Books, now_ms
from node.computations import Recorded
from node.release import PendingRelease
from node.sessions import Sessions
from steelyard.digest import digest
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import read
from steelyard.errors import Cancelled, Conflict, Invalid, Overloaded, PolicyRefused, SteelyardError
from steelyard.functions.aggregate import arguments
from steelyard.functions.result_share import seal_share
from steelyard.functions.total import Question, TotalShare, total_of_inputs
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol
from steelyard.rpc.drive import drive, give_up
from steelyard.rpc.links import Links, StreamLink
from steelyard.sharing.combination import CHALLENGES

log = structlog.get_logger(__name__)
T = TypeVar("T")
SHORT = 4096  # values; steps over so few take less than a millisecond
_OVERHEAD = 1 << 18  # bytes of headers and hellos beside the vectors
_LINK_PATIENCE = 5.0  # seconds for a peer stream to come up


@dataclass(frozen=True, slots=True)
class Order:
    """What the coordinator asks to run, and whom to tell about it."""

    recorded: Recorded
    attempt: AttemptId
    participants: tuple[PartyId, ...]
    on_step: Callable[[str], None]
    on_signed: Callable[[], None]

    def step(self, name: str) -> None:
        log.debug("step", computation=self.recorded.id, attempt=self.attempt, step=name)
        self.on_step(name)

    @property
    def request(self) -> Request:
        return read(Request, self.recorded.request.payload)


class Engine:
    """One per node.  `run` is called on the event loop; long vectors and datasets are left to worker threads.

    A short attempt stays on the loop, its one wait for the disk (the ledger's entry, a few milliseconds) included.
    """

    def __init__(self, books: Books, sessions: Sessions, links: Links, patience: float, at_once: int) -> None:
        self._books = books
        self._sessions = sessions
        self._links = links
        self._patience = patience
        self._at_once = at_once
        self._running: dict[str, asyncio.Task[SealedResult]] = {}
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="engine")

    async def run(self, order: Order) -> SealedResult:
        """One attempt at an approved computation, and its sealed result, which `FetchResult` gives out from now on.

        Raises Conflict while another attempt runs, Overloaded, PolicyRefused, and whatever ends the protocol.
        """
        computation = order.recorded.id
        if computation in self._running:
            raise Conflict("an attempt at this computation is under way")
        if len(self._running) >= self._at_once:
            raise Overloaded(f"{self._books.party} runs {self._at_once} computations already")
        task = self._running[computation] = asyncio.create_task(self._attempt(order))
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            if task.cancelled() and not _being_cancelled():
                raise Cancelled("the computation was cancelled") from None
            raise
        finally:
            del self._running[computation]

    def cancel(self, computation: str) -> None:
        if task := self._running.get(computation):
            task.cancel()

    async def stop(self) -> None:
        """Ends what runs."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _attempt(self, order: Order) -> SealedResult:
        self._check_participants(order)
        attempt, question = bytes.fromhex(order.attempt), _question(order.request)
        peers = frozenset(order.participants) - {self._books.party}
        mailbox = self._sessions.open(attempt, peers, _longest(question, len(order.participants)))
        links: dict[PartyId, StreamLink] = {}
        try:
            links = await self._links.to(peers, min(_LINK_PATIENCE, self._patience))
            protocol = await self._in_thread(lambda: self._protocol(order, question))
            threads = self._threads if question.values > SHORT else None
            outcome = await drive(protocol, attempt, mailbox, links, threads, self._patience, order.step)
            result = (
                await self._in_thread(lambda: self._seal(order, outcome)) if threads else self._seal(order, outcome)
            )
            self._books.computations.hold(order.recorded.id, result)
            return result
        except SteelyardError as error:
            await self._fail(order, links, error)
            raise
        except asyncio.CancelledError:
            await self._fail(order, links, Cancelled(f"cancelled at {self._books.party}"))
            raise
        except Exception:
            await self._fail(order, links, SteelyardError(f"an internal error at {self._books.party}"))
            raise
        finally:
            self._sessions.close(attempt)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _check_participants(self, order: Order) -> None:
        membership = self._books.membership
        chosen = tuple(party for party in membership.parties if party in set(order.participants))
        if chosen != order.participants or self._books.party not in chosen:
            raise Invalid("participants are parties of the manifest, in its order, this one among them")
        if chosen != membership.parties and not order.request.allow_missing:
            raise PolicyRefused("the requester did not allow to leave parties out")
        if len(chosen) < membership.quorum:
            raise PolicyRefused(f"at least {membership.quorum} nodes must take part")

    def _protocol(self, order: Order, question: Question) -> Protocol[TotalShare]:
        books, recorded = self._books, order.recorded
        policy = books.consent.check(books.consent.read(recorded.request), order.participants)
        offer = inputs.offer(books.datasets, policy, question.wanted)
        brought = inputs.layers(books.datasets, question, offer.version) if offer.contributes else None
        minimum = books.membership.minimum_group
        release = PendingRelease(books.ledger, books.consent, order.request, policy, minimum, order.on_signed)
        return total_of_inputs(
            self._context(order),
            question,
            offer,
            brought,
            release,
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", recorded.noise, identity.encode())),
        )

    def _context(self, order: Order) -> Attempt:
        membership = self._books.membership
        return Attempt(
            computation=ComputationId(order.recorded.id),
            attempt=order.attempt,
            request=order.recorded.request.digest.hex(),
            manifest=membership.digest,
            me=self._books.party,
            participants=order.participants,
            points={party: membership.points[party] for party in order.participants},
            threshold=membership.threshold,
            quorum=membership.quorum,
            minimum_group=membership.minimum_group,
            signing=self._books.signing,
            keys=membership.signing_keys,
        )

    def _seal(self, order: Order, outcome: TotalShare) -> SealedResult:
        books, recorded = self._books, order.recorded
        sealing = books.membership.sealing_key(order.request.requester)
        return seal_share(outcome, recorded.id, recorded.request.digest.hex(), books.party, books.signing, sealing)

    async def _fail(self, order: Order, links: dict[PartyId, StreamLink], error: SteelyardError) -> None:
        log.warning("attempt_failed", computation=order.recorded.id, attempt=order.attempt, reason=error.reason)
        if links:
            await give_up(error, bytes.fromhex(order.attempt), links)
        fields: dict[str, object] = {
            "computation": order.recorded.id,
            "attempt": order.attempt,
            "reason": error.reason,
            "culprits": list(error.culprits),
            "suspects": list(error.suspects),
        }
        await self._in_thread(lambda: self._note_failure(fields))

    def _note_failure(self, fields: dict[str, object]) -> None:
        with self._books.consent.settling():
            self._books.audit.record("attempt_failed", fields, now_ms=now_ms())


def _question(request: Request) -> Question:
    return Question(request.function, arguments(request))


def _longest(question: Question, participants: int) -> int:
    """Bytes of the longest message an honest peer can send."""
    return 8 * (question.values + CHALLENGES * (participants + 1)) + _OVERHEAD


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
