"""Drives every computation to its end: ask the nodes, run attempts, collect sealed results.

Each computation has one task and every phase of it a deadline.  After a crash the tasks begin anew: what the nodes have
finished is fetched, everything else is asked and attempted again, which nodes allow because both are idempotent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from coordinator.attempt import Attempt, collect_earlier
from coordinator.clock import now_ms
from coordinator.computation import Computation
from coordinator.config import Config
from coordinator.directory import Directory
from coordinator.lifecycle import Event
from coordinator.metrics import Metrics
from coordinator.nodes import NodeClient
from coordinator.proposals import Agreement, Proposals
from coordinator.registry import Registry
from steelyard.epochs.change import CHANGING
from steelyard.errors import Cancelled, Conflict, Failed, SteelyardError, TimedOut
from steelyard.identity.membership import Membership
from steelyard.rpc.defects import reported

RETRY_SECONDS: Final = 0.2  # times the number of attempts so far
STORE_SECONDS: Final = 5.0  # until the next try to store what has ended

_log = structlog.get_logger(__name__)


class Scheduler:
    """One per coordinator; everything it does happens on its event loop."""

    def __init__(
        self,
        nodes: Mapping[str, NodeClient],
        membership: Membership,
        registry: Registry,
        directory: Directory,
        config: Config,
        metrics: Metrics,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """`settle` brings changes of stored sharings to their end, as far as the nodes can say, and never raises."""
        self._nodes = nodes
        self._parties = tuple(nodes)
        self._threshold = membership.threshold
        self._proposals = Proposals(nodes, membership.quorum, config.timing)
        self._registry = registry
        self._directory = directory
        self._timing = config.timing
        self._limits = config.limits
        self._metrics = metrics
        self._settle = settle
        self._slots = asyncio.Semaphore(config.limits.attempts_at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cleaning: set[asyncio.Task[None]] = set()

    def start(self, computation: Computation, *, resumed: bool = False) -> None:
        task = asyncio.create_task(self._drive(computation, resumed))
        self._tasks[computation.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(computation.id, None))

    async def cancel(self, computation: Computation, failure: Cancelled) -> None:
        """Ends a live computation and tells the nodes; returns when that is on disk."""
        task = self._tasks.get(computation.id)
        if task is None or computation.state.ended:
            raise Conflict(f"the computation has ended already: it is {computation.state}")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not computation.state.ended:
            await self._end(computation, failure)

    async def forget(self, computation: Computation) -> None:
        """One that could not be recorded: it never was."""
        task = self._tasks.get(computation.id)
        if task is not None:
            task.cancel()
        self._registry.drop(computation)
        self._clean(computation)

    async def stop(self) -> None:
        """Leaves everything as it is; the next start resumes."""
        tasks = [*self._tasks.values(), *self._cleaning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self, computation: Computation, resumed: bool) -> None:
        began = time.monotonic()
        failure: SteelyardError | None = None
        try:
            if resumed:
                await collect_earlier(self._nodes.values(), computation, self._timing)
            if not computation.answered(self._threshold):
                await self._until_expiry(computation, resumed)
        except SteelyardError as error:
            failure = error
        except Exception as error:
            failure = reported(error, "the coordinator", computation=computation.id)
        if computation.request.function in CHANGING and failure is None:
            await self._directory.look_at_all()  # whoever is told of it may ask about it at once
        await self._end(computation, failure)
        self._metrics.ended(computation, time.monotonic() - began)

    async def _end(self, computation: Computation, failure: SteelyardError | None) -> None:
        """The watchers hear of it first, then the disk: all of it can be found out again from the nodes."""
        if failure is None:
            computation.happen(Event.DELIVER)
            if computation.used_up:
                self._clean(computation, done=True)
        else:
            computation.fail(failure)
            self._clean(computation)
        reason = failure.reason if failure else ""
        _log.info("computation ended", computation=computation.id, state=computation.state, reason=reason)
        await self._keep(computation)

    async def _keep(self, computation: Computation) -> None:
        """A full disk does not lose what has ended: it stays in memory until there is room."""
        try:
            await self._registry.confirm(computation)
        except SteelyardError:
            return  # never recorded: whoever handed it in was told, and `forget` follows
        while True:
            try:
                await self._registry.finish(computation)
                return
            except Failed as error:
                _log.error("not stored", computation=computation.id, reason=error.reason, problem=error.message)
            await asyncio.sleep(STORE_SECONDS)

    async def _until_expiry(self, computation: Computation, resumed: bool) -> None:
        left = (computation.request.expires_ms - now_ms()) / 1000
        try:
            async with asyncio.timeout(left):
                returning = self._timing.returning(computation.request.function)
                patience = returning if resumed else self._timing.missing
                agreement = await self._ask(computation, patience, soon=not self._slots.locked())
                async with self._slots:
                    await self._attempts(computation, agreement)
        except TimeoutError:
            raise _expired(computation) from None

    async def _ask(self, computation: Computation, patience: float, *, soon: bool = True) -> Agreement:
        among = computation.fixed or self._parties
        agreement = await self._proposals.ask(computation, among, patience, soon=soon)
        computation.happen(Event.APPROVE)
        return agreement

    async def _attempts(self, computation: Computation, agreement: Agreement) -> None:
        """Attempts until one succeeds, all within the time of one computation."""
        until = time.monotonic() + self._timing.of(computation.request.function)
        first = computation.attempts
        while True:
            try:
                await self._attempt(computation, agreement.now(), until - time.monotonic())
                return
            except (Failed, Conflict) as failure:  # a Conflict: an earlier attempt has not died at a node yet
                tries = computation.attempts - first
                if tries >= self._limits.attempts or time.monotonic() >= until:
                    raise
                _log.info("attempt failed", computation=computation.id, tries=tries, reason=failure.reason)
                conflict = isinstance(failure, Conflict)
            await asyncio.sleep(RETRY_SECONDS * tries)
            if conflict:  # of a change under way, perhaps: some nodes may have committed it, others not yet
                await self._settle()
            agreement = await self._again(computation)

    async def _attempt(self, computation: Computation, agreement: Agreement, seconds: float) -> None:
        if agreement.participants != self._parties:
            await self._fix(computation, agreement.participants)
        computation.start()
        attempt = Attempt(
            self._nodes,
            self._directory.lost,
            self._threshold,
            self._timing,
            computation,
            agreement,
            max(0.0, seconds),
        )
        await attempt.run()

    async def _fix(self, computation: Computation, participants: tuple[str, ...]) -> None:
        """On disk before they start: should they sign this set, a restarted coordinator must come back to it."""
        known, computation.fixed = computation.fixed, participants
        await self._registry.confirm(computation)
        await self._registry.save(computation)
        computation.fixed = known  # in this life the nodes tell us when they have signed

    async def _again(self, computation: Computation) -> Agreement:
        """Who takes part in the next attempt."""
        may_shrink = computation.request.allow_missing and not computation.fixed
        returning = self._timing.returning(computation.request.function)
        return await self._ask(computation, self._timing.missing if may_shrink else returning)

    def _clean(self, computation: Computation, *, done: bool = False) -> None:
        """Nodes should not wait for what will not come; if they do not hear it, their own deadlines will tell them."""
        for node in self._nodes.values():
            task = asyncio.create_task(self._cancel_at(node, computation.id, done=done))
            self._cleaning.add(task)
            task.add_done_callback(self._cleaning.discard)

    async def _cancel_at(self, node: NodeClient, computation: str, *, done: bool) -> None:
        try:
            await node.cancel(computation, self._timing.call, done=done)
        except SteelyardError as error:
            _log.debug("not cancelled", party=node.party, reason=error.reason)


def _expired(computation: Computation) -> TimedOut:
    undecided = [party for party, progress in computation.parties.items() if progress.state == "pending"]
    if not undecided:
        return TimedOut("the request expired before it could be answered")
    owners = " and ".join(f"the owner of {party}" for party in undecided)
    return TimedOut(f"the request expired before {owners} decided on it", party=undecided[0])
