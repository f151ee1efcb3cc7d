"""Asking the nodes whether they take part: in parallel, again while an owner has to decide or a node is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.computation import Computation
from coordinator.config import Timing
from coordinator.nodes import Answer, Decision, NodeClient
from steelyard.documents.signed import Signed
from steelyard.errors import Failed, NotFound, PartyMissing, SteelyardError, Unauthenticated
from steelyard.ids import AttemptId
from steelyard.randomness import token

RETRY_SECONDS = 0.2
HELLO_SECONDS = 10.0  # that a hello is used within; nodes keep its key for 30


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who takes part in an attempt, and their hellos: of all of them, or none and the nodes exchange them."""

    participants: tuple[str, ...]
    attempt: AttemptId
    hellos: tuple[Signed, ...] = ()
    asked: float = field(default_factory=time.monotonic)

    def now(self) -> Agreement:
        """For an attempt that begins now: hellos that have waited too long, for an owner or a turn, are left out."""
        fresh = time.monotonic() - self.asked < HELLO_SECONDS
        return self if fresh and self.hellos else Agreement(self.participants, new_attempt())


@dataclass(frozen=True, slots=True)
class _Asking:
    computation: Computation
    attempt: str  # empty: no hello is asked for
    among: tuple[str, ...]
    patience: float


class Proposals:
    """Finds out who takes part; the nodes decide, this only counts."""

    def __init__(self, nodes: Mapping[str, NodeClient], quorum: int, timing: Timing) -> None:
        self._nodes = nodes
        self._quorum = quorum
        self._timing = timing

    async def ask(
        self, computation: Computation, among: Sequence[str], patience: float, *, soon: bool = True
    ) -> Agreement:
        """Those of `among` who agreed, in the same order: all, or a quorum where the request allows it.

        If the attempt will follow `soon`, the nodes are asked for their hellos, too.

        A node is missing when it has not answered for `patience` seconds, unless somebody's owner has still to decide:
        then it is asked again as long as that takes.  Raises the refusal that counts, or PartyMissing.
        """
        answers: dict[str, Answer] = {}
        began, attempt = time.monotonic(), new_attempt()
        asking = _Asking(computation, attempt if soon else "", tuple(among), patience)
        while True:
            unsure = [party for party in among if not _agreed(answers.get(party))]
            await self._round(asking, unsure, answers)
            _raise_refusal(answers)
            if all(answer.decision is not Decision.PENDING for answer in answers.values()):
                break
            await asyncio.sleep(self._timing.poll)
        participants = self._participants(computation, among, answers)
        hellos = tuple(answers[party].hello for party in participants)
        if participants != tuple(among) or None in hellos:
            return Agreement(participants, new_attempt())
        return Agreement(participants, attempt, tuple(filter(None, hellos)), began)

    def _participants(
        self, computation: Computation, among: Sequence[str], answers: Mapping[str, Answer]
    ) -> tuple[str, ...]:
        missing = [party for party in among if party not in answers]
        if missing and (computation.fixed or not computation.request.allow_missing):
            raise _missing(missing, "does not answer")
        if len(answers) < self._quorum:
            raise _missing(missing, f"does not answer, and fewer than the {self._quorum} nodes needed are left")
        if not any(answer.contributes for answer in answers.values()):
            raise NotFound("no party that answers holds the dataset asked for")
        return tuple(party for party in among if party in answers)

    async def _round(self, asking: _Asking, parties: Iterable[str], answers: dict[str, Answer]) -> None:
        async with asyncio.TaskGroup() as group:
            for party in parties:
                group.create_task(self._ask(asking, party, answers))

    async def _ask(self, asking: _Asking, party: str, answers: dict[str, Answer]) -> None:
        loop, node, computation = asyncio.get_running_loop(), self._nodes[party], asking.computation
        until = loop.time() + asking.patience
        while True:
            try:
                answer = await node.propose(computation.signed, self._timing.call, asking.attempt, asking.among)
            except (Failed, Unauthenticated) as error:
                computation.report(party, "unreachable", error.reason)
                if loop.time() >= until:
                    return
                await asyncio.sleep(RETRY_SECONDS)
            except SteelyardError as error:
                answers[party] = Answer(Decision.REFUSED, failure=error)
                return
            else:
                answers[party] = answer
                computation.report(party, answer.decision.name.lower())
                return


def new_attempt() -> AttemptId:
    return AttemptId(token(16).hex())


def _agreed(answer: Answer | None) -> bool:
    return answer is not None and answer.decision is Decision.APPROVED


def _raise_refusal(answers: Mapping[str, Answer]) -> None:
    """Raises the refusal of one node, where there is any; that all know no such thing is one failure, not several."""
    refusals = [answer.failure for answer in answers.values() if answer.decision is Decision.REFUSED and answer.failure]
    if not refusals:
        return
    raise next((each for each in refusals if not isinstance(each, NotFound)), refusals[0])


def _missing(parties: Sequence[str], what: str) -> PartyMissing:
    return PartyMissing(f"{', '.join(parties)} {what}", party=parties[0] if parties else "")
