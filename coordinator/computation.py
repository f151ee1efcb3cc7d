"""`Computation`: one request and all that the coordinator knows about it; watchers wait for its changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from coordinator import lifecycle
from coordinator.clock import now_ms
from coordinator.lifecycle import Event, State
from coordinator.patience import PATIENCE, USUAL, Patience
from steelyard.documents.attempt import InputSet, ResultNote
from steelyard.documents.request import Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed, read
from steelyard.errors import SteelyardError

PROGRESS_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """One party's part: asked, pending, approved, refused, unreachable, running, done or failed; and its last step."""

    state: str = "asked"
    step: str = ""
    progress: bytes = b""  # the last of a training run, as the node sealed it to the requester


@dataclass(eq=False)
class Computation:
    """Lives in memory until it has ended and is stored; every change goes through a method, which wakes watchers."""

    signed: Signed
    request: Request
    created_ms: int
    parties: dict[str, Progress]  # in the manifest's order
    state: State = State.PROPOSED
    updated_ms: int = 0
    failure: SteelyardError | None = None
    attempts: int = 0
    fixed: tuple[str, ...] = ()  # who must take part from now on: these may have signed the input set
    results: dict[str, SealedResult] = field(default_factory=dict)
    unsaved: list[tuple[int, State]] = field(default_factory=list)  # transitions since it was last stored

    def __post_init__(self) -> None:
        self.updated_ms = self.updated_ms or self.created_ms
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()  # only when the state changes
        self._input_sets: dict[str, bytes] = {}  # of the results, by party

    @property
    def id(self) -> str:
        return self.request.computation

    @property
    def requester(self) -> str:
        return self.request.requester

    def happen(self, event: Event) -> None:
        """Moves on as the table says; what it does not allow is a defect."""
        before, self.state = self.state, lifecycle.after(self.state, event)
        if self.state is not before:
            self.unsaved.append((now_ms(), self.state))
            self._moved.set()
            self._moved = asyncio.Event()
        self._touch()

    def start(self) -> None:
        """One more attempt begins."""
        self.attempts += 1
        self.happen(Event.START)

    def fail(self, failure: SteelyardError) -> None:
        """Ends it: REFUSED or ABORTED, as the failure says."""
        self.failure = failure
        self.happen(lifecycle.ending(failure))

    def report(self, party: str, state: str, step: str = "", line: bytes = b"") -> None:
        """What a party says or does now."""
        progress = Progress(state, step, line or self.parties.get(party, Progress()).progress)
        if self.parties.get(party) != progress:
            self.parties[party] = progress
            self._touch()

    def deliver(self, result: SealedResult) -> None:
        self.results[result.party] = result
        self._input_sets[result.party] = read(ResultNote, result.note.payload).input_set
        self.report(result.party, "done")

    @property
    def agreeing(self) -> int:
        """How many results belong together: those over the same input set of the same attempt."""
        sets = Counter(self._input_sets[party] for party in self.results)
        return max(sets.values(), default=0)

    @property
    def patience(self) -> Patience:
        return PATIENCE.get(self.request.function, USUAL)

    def answered(self, threshold: int) -> bool:
        """Whether enough results belong together, and among them those that no other can stand in for."""
        if self.agreeing < threshold or not self.patience.owners:
            return self.agreeing >= threshold
        agreed = Counter(self._input_sets[party] for party in self.results).most_common(1)[0][0]
        together = {party for party in self.results if self._input_sets[party] == agreed}
        brought = [each for each in read(InputSet, agreed).contributions if each.rows]
        nodes = {each.party for each in brought if not each.sponsor}
        if len(nodes) < len(brought):  # some of the participants stand in for firms without a node
            nodes |= set(self.fixed or self.parties)
        return nodes <= together

    @property
    def used_up(self) -> bool:
        """Whether firms without a node have answered it, and it alone: nodes forget that when it is done."""
        sets = (read(InputSet, each) for each in set(self._input_sets.values()))
        return self.patience.owners and any(part.sponsor for each in sets for part in each.contributions)

    async def watch(self) -> AsyncIterator[None]:
        """Yields at once and after changes until it has ended; who is slow sees the latest state, not every one.

        A new state is shown at once; what the parties do meanwhile, at most every PROGRESS_SECONDS.
        """
        while True:
            changed, moved, shown = self._changed, self._moved, self.state
            yield
            if shown.ended and changed is self._changed:
                return
            await changed.wait()
            if self.state is shown:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROGRESS_SECONDS):
                        await moved.wait()

    def _touch(self) -> None:
        self.updated_ms = max(self.updated_ms, now_ms())
        self._changed.set()
        self._changed = asyncio.Event()


def in_order(parties: Iterable[str], progress: dict[str, Progress]) -> dict[str, Progress]:
    return {party: progress.get(party, Progress()) for party in parties}
