"""Asking the nodes whether they take part: in parallel, again while an owner has to decide or a node is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.computation import Computation
from coordinator.config import Timing
from coordinator.nodes import Answer, Decision, NodeClient
from steelyard.errors import Failed, NotFound, PartyMissing, SteelyardError, TimedOut, Unauthenticated, Unreachable

RETRY_SECONDS = 0.2


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

    async def ask(self, computation: Computation, among: Sequence[str], patience: float) -> tuple[str, ...]:
        """Those of `among` who agreed, in the same order: all, or a quorum where the request allows it.

        A node is missing when it has not answered for `patience` seconds, unless somebody's owner has still to decide:
        then it is asked again as long as that takes.  Raises the refusal that counts, or PartyMissing.
        """
        said = _Said()
        while True:
            unsure = [party for party in among if not _agreed(said.answers.get(party))]
            await self._round(computation, unsure, said, patience)
            _raise_refusal(said.answers)
            if all(answer.decision is not Decision.PENDING for answer in said.answers.values()):
                break
            await asyncio.sleep(self._timing.poll)
        return self._participants(computation, among, said)

    def _participants(self, computation: Computation, among: Sequence[str], said: _Said) -> tuple[str, ...]:
        missing = {party: said.silence[party] for party in among if party not in said.answers}
        if len(said.answers) < self._quorum:
            raise _missing(missing, f"; --allow-missing does not help here, {self._quorum} nodes must take part")
        if missing and computation.fixed:
            raise _missing(missing, "; --allow-missing does not help any more, the nodes may have signed already")
        if missing and not computation.request.allow_missing:
            raise _missing(missing)
        if not any(answer.contributes for answer in said.answers.values()):
            raise NotFound("no party that answers holds the dataset asked for")
        return tuple(party for party in among if party in said.answers)

    async def _round(self, computation: Computation, parties: Iterable[str], said: _Said, patience: float) -> None:
        async with asyncio.TaskGroup() as group:
            for party in parties:
                group.create_task(self._ask(computation, party, said, patience))

    async def _ask(self, computation: Computation, party: str, said: _Said, patience: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while True:
            try:
                answer = await self._nodes[party].propose(computation.signed, self._timing.call)
            except (Failed, Unauthenticated) as error:
                computation.report(party, "unreachable", error.reason)
                if loop.time() >= until:
                    said.silence[party] = error
                    return
                await asyncio.sleep(RETRY_SECONDS)
            except SteelyardError as error:
                said.answers[party] = Answer(Decision.REFUSED, failure=error)
                return
            else:
                said.answers[party] = answer
                computation.report(party, answer.decision.name.lower())
                return


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
