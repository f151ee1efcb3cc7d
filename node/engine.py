"""Runs attempts: from the coordinator's word to a sealed result in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog

from node import inputs
from node.books import Books, now_ms
from node.computations import Recorded
from node.courtesy import Courtesy
from node.hellos import Hellos
from node.inbox import MOST
from node.participants import check_participants
from node.past import NodePast
from node.progress import Stages
from node.release import PendingRelease
from node.sessions import Sessions
from node.shelves import NodeShelves
from steelyard.ckks.worker import Workers
from steelyard.digest import digest
from steelyard.documents.attempt import MAX_ROWS
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed, read
from steelyard.errors import Cancelled, Conflict, Invalid, Overloaded, SteelyardError, Unreachable
from steelyard.functions import sealed_argument
from steelyard.functions.answered import call_of
from steelyard.functions.catalogue import question_of
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.means import Means, Unseal
from steelyard.functions.question import Question
from steelyard.functions.result_share import seal_share
from steelyard.functions.training_line import Line, sealed
from steelyard.functions.upkeep import Upkeep, keep_up
from steelyard.identity.sealing import unseal
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.privacy.policy import Policy
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Introduction, Offer, introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol
from steelyard.rpc.drive import drive, give_up
from steelyard.rpc.links import Links, StreamLink
from steelyard.rpc.mailbox import Mailbox
from steelyard.sharing.combination import BEHIND, CHALLENGES

log = structlog.get_logger(__name__)
T = TypeVar("T")
SHORT = 4096  # values; steps over so few take less than a millisecond
DIGEST = 32  # bytes
_OVERHEAD = 1 << 18  # bytes of headers and hellos beside the vectors
_LINK_PATIENCE = 5.0  # seconds for a peer stream to come up


@dataclass(frozen=True, slots=True)
class Order:
    """What the coordinator asks to run, and whom to tell about it."""

    recorded: Recorded
    attempt: AttemptId
    participants: tuple[PartyId, ...]
    hellos: tuple[Signed, ...] = ()  # of all participants, in their order, if the coordinator brings them
    on_step: Callable[[str], None] = lambda step: None
    on_signed: Callable[[], None] = lambda: None
    on_progress: Callable[[str, bytes, bool], None] = lambda step, line, urgent: None

    @property
    def computation(self) -> ComputationId:
        return ComputationId(self.recorded.id)

    def step(self, name: str) -> None:
        log.debug("step", computation=self.recorded.id, attempt=self.attempt, step=name)
        self.on_step(name)

    def trained(self, line: Line, party: PartyId, key: bytes) -> None:
        """A sum of a training run has been formed: what operators are told of it in the log, and the requester."""
        log.info("training", computation=self.recorded.id, attempt=self.attempt, **msgspec.structs.asdict(line))
        self.on_progress(line.step, sealed(line, self.recorded.id, party, key), line.auc is not None)

    @property
    def request(self) -> Request:
        return read(Request, self.recorded.request.payload)

    @property
    def relayed(self) -> Mapping[PartyId, Signed] | None:
        """The hellos by party; raises Invalid unless there is one of each participant."""
        if not self.hellos:
            return None
        if len(self.hellos) != len(self.participants):
            raise Invalid("an attempt begins with a hello of each participant, or with none")
        return dict(zip(self.participants, self.hellos, strict=True))


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
        self._hellos = Hellos(sessions)
        self._running: dict[str, asyncio.Task[SealedResult]] = {}
        self._workers = Workers()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="engine")
        self._courtesy = Courtesy()
        self._stopped = False

    def require(self) -> None:
        """Raises Unreachable once the node stops: whoever asks is to ask again, until the next start answers."""
        if self._stopped:
            raise Unreachable(f"{self._books.party} is being stopped", party=self._books.party)

    def introduce(self, order: Order) -> Signed:
        """This node's hello for an attempt that may follow soon: it is asked for once, and replaces any before.

        Raises what would keep the attempt from running.
        """
        self.require()
        self._check_participants(order)
        offer = self._offer(order)[1]
        mailbox = self._open(order)  # refuses an attempt id of before, so that no two hellos are signed for it
        introduction = introduce(self._context(order), offer, now_ms())
        self._hellos.keep(introduction, mailbox)
        return introduction.signed

    async def run(self, order: Order) -> SealedResult:
        """One attempt at an approved computation, and its sealed result, which `FetchResult` gives out from now on.

        Raises Conflict while another attempt runs, Overloaded, Unreachable once the node stops, PolicyRefused, and
        whatever ends the protocol.
        """
        computation = order.recorded.id
        self.require()
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
        self._hellos.forget(computation)
        if task := self._running.get(computation):
            task.cancel()

    async def ended(self, computation: str) -> None:
        """Returns once no attempt at it runs."""
        if task := self._running.get(computation):
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Ends what runs, and lets nothing begin."""
        self._stopped = True
        self._hellos.clear()
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)
        self._workers.close()

    async def _attempt(self, order: Order) -> SealedResult:
        self._check_participants(order)
        attempt, question = bytes.fromhex(order.attempt), question_of(order.request)
        said = self._hellos.take(order.computation, order.attempt, order.participants) if order.relayed else None
        mailbox = said.mailbox if said else self._open(order)
        mine = said.introduction if said else None
        links: dict[PartyId, StreamLink] = {}
        try:
            links = await self._links.to(self._peers(order), min(_LINK_PATIENCE, self._patience))
            stages = self._stages(order, links) if question.local else None
            protocol = await self._in_thread(lambda: self._protocol(order, question, mine, stages))
            threads, on_step = self._threads_for(question), stages.step if stages else order.step
            first = 1 if said else 0  # so that one who greets and one who need not only wait, and blame nobody
            with nullcontext() if threads else self._courtesy.hurrying():
                outcome = await drive(protocol, attempt, mailbox, links, threads, self._patience, on_step, first)
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
            if mine:
                mine.keys.erase()

    def _threads_for(self, question: Question[Any]) -> ThreadPoolExecutor | None:
        """Where the steps run: None for the event loop, which is right for short ones."""
        short = question.values(SHORT) <= SHORT and not question.wanted.stored
        return None if short and not question.local and not question.waits else self._threads

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _check_participants(self, order: Order) -> None:
        books, threshold = self._books, self._threshold(order)
        check_participants(order.participants, books.party, books.membership, order.request, threshold)

    def _threshold(self, order: Order) -> int:
        """That of the sharing asked about, or what the request says, or the manifest's."""
        question, manifest = question_of(order.request), self._books.membership.threshold
        shelf = None if isinstance(question, Upkeep) else self._books.sharings.find(question.wanted.stored)
        if shelf and shelf.record.active:
            return shelf.record.active.committee.threshold
        return order.request.threshold or manifest

    def _peers(self, order: Order) -> frozenset[PartyId]:
        return frozenset(order.participants) - {self._books.party}

    def _open(self, order: Order) -> Mailbox:
        question = question_of(order.request)
        shelf = self._books.sharings.find(question.wanted.stored) if question.wanted.stored else None
        longest = _longest(question, len(order.participants), len(shelf.stored.parts) if shelf else 0)
        return self._sessions.open(bytes.fromhex(order.attempt), self._peers(order), longest)

    def _offer(self, order: Order) -> tuple[Policy, Offer]:
        """The owner's policy of today, which allows this, and what this node brings."""
        books, request = self._books, order.recorded.request
        policy = books.consent.check(books.consent.read(request), order.participants)
        offer = inputs.offer(books.datasets, books.sharings, policy, question_of(order.request))
        if offer.rows:  # imported since, perhaps
            books.consent.check(order.request, order.participants, concerned=True)
        return policy, offer

    def _protocol(
        self, order: Order, question: Question[Any], mine: Introduction | None, stages: Stages | None = None
    ) -> Protocol[ResultShare]:
        books, recorded = self._books, order.recorded
        policy, offer = self._offer(order)
        if mine and mine.offer != offer:
            raise Conflict(f"data or policy of {books.party} have changed since its hello")
        context = self._context(order)
        shelves = NodeShelves(books.changes, books.membership.points_by_name, order.request.expires_ms)
        brought = inputs.layers(books.datasets, question, offer) if offer.contributes else None
        minimum = books.membership.minimum_group
        upkeep = question if isinstance(question, Upkeep) else None
        shelf = books.sharings.get(question.wanted.stored) if question.wanted.stored and not upkeep else None
        release = PendingRelease(
            books.ledger,
            books.consent,
            order.request,
            question,
            policy,
            minimum,
            order.on_signed,
            shelf.stored if shelf else None,
        )
        mine = mine or introduce(context, offer, now_ms())
        if upkeep:
            return self._courtesy.paced(keep_up(context, upkeep, mine, shelves, release, order.relayed))
        return compute(
            context,
            question,
            mine,
            brought,
            release,
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", recorded.noise, identity.encode())),
            order.relayed,
            books.sharings.kept(shelf) if shelf else None,
            self._means(order, stages, shelves),
        )

    def _means(self, order: Order, stages: Stages | None, shelves: NodeShelves) -> Means:
        books, requester = self._books, order.request.requester
        past = NodePast(books.computations, books.ledger, requester)
        means = Means(
            shelves,
            books.inbox,
            self._unsealer(order),
            workers=self._workers,
            past=past,
            requester=requester,
            call=call_of(order.request),
        )
        return books.trained.offered(means, order.computation, stages.line) if stages else means

    def _stages(self, order: Order, links: Mapping[PartyId, StreamLink]) -> Stages:
        key, before = self._books.membership.sealing_key(order.request.requester), _sent(links)
        return Stages(
            lambda: _sent(links) - before, lambda line: order.trained(line, self._books.party, key), order.step
        )

    def _unsealer(self, order: Order) -> Unseal:
        """Opens what the requester of this request, and nobody else, has sealed to this node."""
        bound = sealed_argument.context(order.request.requester, self._books.party)
        return lambda ciphertext: unseal(self._books.unsealing, ciphertext, bound)

    def _context(self, order: Order) -> Attempt:
        membership = self._books.membership
        return Attempt(
            computation=order.computation,
            attempt=order.attempt,
            request=order.recorded.request.digest.hex(),
            manifest=membership.digest,
            me=self._books.party,
            participants=order.participants,
            points={party: membership.points[party] for party in order.participants},
            threshold=(threshold := self._threshold(order)),
            liars=min(threshold, membership.threshold) - 1,
            quorum=membership.quorum,
            minimum_group=0 if question_of(order.request).consented else membership.minimum_group,
            signing=self._books.signing,
            keys=membership.signing_keys,
        )

    def _seal(self, order: Order, outcome: ResultShare) -> SealedResult:
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


def _longest(question: Question[Any], participants: int, contributors: int) -> int:
    """Bytes of the longest message an honest peer can send, whatever its number of rows."""
    dealt = 8 * (question.values(MAX_ROWS) + BEHIND + CHALLENGES * participants)
    announced = MOST * (DIGEST + 8 * CHALLENGES) if question.purpose else 0
    return max(dealt, question.longest(participants, contributors), announced) + _OVERHEAD


def _sent(links: Mapping[PartyId, StreamLink]) -> int:
    return sum(link.sent for link in links.values())


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
