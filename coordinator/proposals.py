"""Asking the nodes whether they take part: in parallel, again while an owner has to decide or a node is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.computation import Computation
from coordinator.config import Timing
from coordinator.nodes import Answer, Decision, NodeClient
from steelyard.documents.request import Request
from steelyard.documents.signed import Signed
from steelyard.errors import (
    Failed,
    NotFound,
    PartyMissing,
    Stale,
    SteelyardError,
    TimedOut,
    Unauthenticated,
    Unreachable,
)
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


@dataclass(frozen=True, slots=True)
class _Said:
    """What the parties said last, and what kept those from answering of whom nothing was heard."""

    answers: dict[str, Answer] = field(default_factory=dict)
    silence: dict[str, SteelyardError] = field(default_factory=dict)


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
        said = _Said()
        began, attempt = time.monotonic(), new_attempt()
        asking = _Asking(computation, attempt if soon else "", tuple(among), patience)
        while True:
            unsure = [party for party in among if not _agreed(said.answers.get(party))]
            await self._round(asking, unsure, said)
            _raise_refusal(said.answers)
            if all(answer.decision is not Decision.PENDING for answer in said.answers.values()):
                break
            await asyncio.sleep(self._timing.poll)
        participants = self._participants(computation, among, said)
        hellos = tuple(said.answers[party].hello for party in participants)
        if participants != tuple(among) or None in hellos:
            return Agreement(participants, new_attempt())
        return Agreement(participants, attempt, tuple(filter(None, hellos)), began)

    def _participants(self, computation: Computation, among: Sequence[str], said: _Said) -> tuple[str, ...]:
        missing = {party: said.silence[party] for party in among if party not in said.answers}
        if missing and all(isinstance(error, NotFound) for error in missing.values()) and not said.answers:
            raise next(iter(missing.values()))
        if len(said.answers) < self._quorum:
            raise _missing(missing, f"; --allow-missing does not help here, {self._quorum} nodes must take part")
        if missing and computation.fixed:
            raise _missing(missing, "; --allow-missing does not help any more, the nodes may have signed already")
        if missing and not computation.request.allow_missing:
            raise _missing(missing)
        if not any(answer.contributes for answer in said.answers.values()):
            raise NotFound(_nothing(computation.request))
        return tuple(party for party in among if party in said.answers)

    async def _round(self, asking: _Asking, parties: Iterable[str], said: _Said) -> None:
        async with asyncio.TaskGroup() as group:
            for party in parties:
                group.create_task(self._ask(asking, party, said))

    async def _ask(self, asking: _Asking, party: str, said: _Said) -> None:
        loop, node, computation = asyncio.get_running_loop(), self._nodes[party], asking.computation
        until = loop.time() + asking.patience
        while True:
            try:
                answer = await node.propose(computation.signed, self._timing.call, asking.attempt, asking.among)
            except (Failed, Unauthenticated) as error:
                computation.report(party, "unreachable", error.reason)
                if isinstance(error, Stale) or loop.time() >= until:  # a lost share does not come back by waiting
                    said.silence[party] = error
                    return
                await asyncio.sleep(RETRY_SECONDS)
            except SteelyardError as error:
                said.answers[party] = Answer(Decision.REFUSED, failure=error)
                return
            else:
                if _has_no_share(computation, answer):
                    said.silence[party] = answer.failure or NotFound("")
                    computation.report(party, "refused")
                    return
                said.answers[party] = answer
                computation.report(party, answer.decision.name.lower())
                return


def new_attempt() -> AttemptId:
    return AttemptId(token(16).hex())


def _has_no_share(computation: Computation, answer: Answer) -> bool:
    """Of a stored sharing, which the others may hold all the same."""
    stored = str(computation.request.arguments.get("dataset", "")).startswith("@")
    return stored and isinstance(answer.failure, NotFound)


def _nothing(request: Request) -> str:
    """Why there is nothing to compute on."""
    lacking = "no party that answers holds the dataset asked for"
    if not request.arguments.get("called"):
        return lacking
    return f"none of the firms called has answered this call, and {lacking}: start it again when one has"


def _agreed(answer: Answer | None) -> bool:
    return answer is not None and answer.decision is Decision.APPROVED


def _raise_refusal(answers: Mapping[str, Answer]) -> None:
    """Raises the refusal of one node, where there is any; that all know no such thing is one failure, not several."""
    refusals = [answer.failure for answer in answers.values() if answer.decision is Decision.REFUSED and answer.failure]
    if not refusals:
        return
    raise next((each for each in refusals if not isinstance(each, NotFound)), refusals[0])


def _missing(silence: Mapping[str, SteelyardError], more: str = "") -> PartyMissing:
    """Names each party and, where its node says what is wrong with it, that."""
    reasons = ", ".join(_reason(party, error) for party, error in silence.items())
    return PartyMissing(f"{reasons}{more}", party=next(iter(silence), ""))


def _reason(party: str, error: SteelyardError) -> str:
    if isinstance(error, Unreachable | TimedOut):
        return f"{party} does not answer"
    return f"{party} cannot take part ({error.message})"
