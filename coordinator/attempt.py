"""One attempt at a computation: runs it at all participants, follows them, and collects the sealed results."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from coordinator.computation import Computation
from coordinator.config import Timing
from coordinator.nodes import NodeClient, Order, order_for
from coordinator.proposals import Agreement
from steelyard.errors import Cheated, Failed, Refused, SteelyardError, TimedOut, Unreachable

Lost = Callable[[str], Awaitable[None]]  # returns when this party's node has stopped to answer


@dataclass
class Attempt:
    """`run` returns when enough results are there, and raises the failure that counts otherwise."""

    nodes: Mapping[str, NodeClient]
    lost: Lost
    threshold: int
    timing: Timing
    computation: Computation
    agreement: Agreement
    seconds: float
    failures: dict[str, SteelyardError] = field(default_factory=dict)
    _ran: set[str] = field(default_factory=set)  # to the end; what failed then is only the delivery

    @property
    def participants(self) -> tuple[str, ...]:
        return self.agreement.participants

    async def run(self) -> None:
        self.computation.results.clear()  # of an attempt before: they do not go together with these
        computation, agreed = self.computation, self.agreement
        order = order_for(computation.id, computation.signed, agreed.attempt, agreed.participants, agreed.hellos)
        following = {asyncio.create_task(self._follow(party, order)): party for party in self.participants}
        try:
            await self._wait(set(following))
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
        if self.computation.results:
            await self._collect_rest()
        self._conclude()

    def _conclude(self) -> None:
        """Where survivors go on, one who cries cheat does not take their result away: the nodes left it out."""
        reported = [party for party in self.failures if party not in self._ran]
        cheated = any(isinstance(self.failures[party], Cheated) for party in reported)
        if self.computation.answered(self.threshold) and (self.computation.patience.survivors or not cheated):
            return
        for party in self.participants:
            if party not in self.failures and party not in self.computation.results:
                self.failures[party] = TimedOut(f"{party} did not finish in time", party=party)
        if not self.failures:
            raise Cheated("the nodes' results are not over one input set", suspects=self.participants)
        raise weighed(choose(self.failures), self.failures.values(), self.threshold)

    async def _wait(self, running: set[asyncio.Task[None]]) -> None:
        """Until all have ended, or until it is not worth while to wait for the rest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.seconds
        while running:
            ended, running = await asyncio.wait(
                running, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                task.result()  # a defect is not to be swallowed
            if not ended:
                return
            until = min(until, loop.time() + self._patience(len(running)))

    def _patience(self, running: int) -> float:
        """How long the rest is worth waiting for."""
        if self.computation.answered(self.threshold):
            return self.timing.delivered
        hopeless = self.computation.agreeing + running < self.threshold
        if not self.failures or (self.computation.patience.survivors and not hopeless):
            return self.seconds
        if hopeless or any(not isinstance(each, Failed) for each in self.failures.values()):
            return self.timing.failed
        return self.timing.broken

    async def _follow(self, party: str, order: Order) -> None:
        """One party's part to its end; a node that stops to answer ends it too."""
        part = asyncio.create_task(self._part(party, order))
        gone = asyncio.ensure_future(self.lost(party))
        try:
            await asyncio.wait({part, gone}, return_when=asyncio.FIRST_COMPLETED)
            if part.done():
                await part
            else:
                raise Unreachable(f"{party} has stopped to answer", party=party)
        except SteelyardError as error:
            self.failures[party] = error
            self.computation.report(party, "failed", error.reason)
        finally:
            part.cancel()
            gone.cancel()
            await asyncio.gather(part, gone, return_exceptions=True)

    async def _part(self, party: str, order: Order) -> None:
        node, computation = self.nodes[party], self.computation
        steps = node.run(order, computation.signed, self.seconds)
        async with aclosing(steps):
            async for step in steps:
                if step.input_set_signed:
                    computation.fixed = self.participants
                if step.name:
                    computation.report(party, "running", step.name, step.progress)
                if step.result is not None:
                    computation.deliver(step.result)
        self._ran.add(party)
        if party not in computation.results:
            await self._collect(party)

    async def _collect(self, party: str) -> None:
        computation = self.computation
        try:
            result = await self.nodes[party].fetch(computation.id, computation.signed, self.timing.fetch)
        except Refused as error:
            raise Failed(f"{party} does not deliver its result: {error.message}", party=party) from None
        computation.deliver(result)

    async def _collect_rest(self) -> None:
        """Somebody is done, so those whose stream broke may be too."""
        waiting = [party for party in self.participants if party not in self.computation.results]
        async with asyncio.TaskGroup() as group:
            for party in waiting:
                if isinstance(self.failures.get(party), Unreachable | TimedOut | None):
                    group.create_task(self._try_to_collect(party))

    async def _try_to_collect(self, party: str) -> None:
        try:
            await asyncio.wait_for(self._collect(party), self.timing.delivered)
        except (SteelyardError, TimeoutError):
            return
        self.failures.pop(party, None)


async def collect_earlier(nodes: Iterable[NodeClient], computation: Computation, timing: Timing) -> None:
    """Results that nodes made before the coordinator was restarted."""

    async def collect(node: NodeClient) -> None:
        try:
            computation.deliver(await node.fetch(computation.id, computation.signed, timing.fetch))
        except SteelyardError:
            return  # not there, or not yet: an attempt will tell

    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(collect(node))


def choose(failures: Mapping[str, SteelyardError]) -> SteelyardError:
    """Of what several nodes report, that which explains most: a cheat, a refusal, a failure of another party, the
    rest; of refusals, and of the failures of others, one that most nodes name: who is silent may itself be the first
    to miss the others, and who says that another stands elsewhere may stand there alone.
    """
    named = Counter(failure.party for party, failure in failures.items() if failure.party != party)

    def rank(item: tuple[str, SteelyardError]) -> tuple[int, int]:
        party, failure = item
        if isinstance(failure, Cheated):
            return 0, 0
        if isinstance(failure, Refused):
            return 1, -named[failure.party]
        return (2, -named[failure.party]) if failure.party != party else (3, 0)

    return min(failures.items(), key=rank)[1]


def weighed(chosen: SteelyardError, reported: Iterable[SteelyardError], threshold: int) -> SteelyardError:
    """The failure chosen, with only those as culprits whom at least `threshold` nodes name: so one honest one does.

    Anybody else who is named is suspect, and so is who names them.
    """
    if not isinstance(chosen, Cheated):
        return chosen
    cheats = [each for each in reported if isinstance(each, Cheated)]
    named = Counter(culprit for each in cheats for culprit in set(each.culprits) - {each.party})
    culprits = {party for party, count in named.items() if count >= threshold}
    doubted = {party for each in cheats for party in (*each.culprits, *each.suspects)} - culprits
    accusers = {each.party for each in cheats if set(each.culprits) - culprits and each.party}
    suspects = (doubted | accusers) - culprits
    return type(chosen)(chosen.message, party=chosen.party, culprits=sorted(culprits), suspects=sorted(suspects))
