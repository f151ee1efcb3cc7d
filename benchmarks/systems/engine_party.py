"""One party of the engine alone: `python -m benchmarks.systems.engine_party HOME LISTEN PROGRAM SIZE DELAY`.

What it says is explained in benchmarks/systems/parties.py.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.counted import Count, counted
from benchmarks.inputs import digest
from benchmarks.systems.engine_programs import PROGRAMS, Program, meet
from node.authorisation import ROLES
from node.peers import links_of, peer_service
from node.sessions import Sessions
from steelyard.identity.homes import Home
from steelyard.identity.membership import Membership
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol, broadcast
from steelyard.rpc import event_loop, memory
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.drive import drive
from steelyard.rpc.frames import Frame
from steelyard.rpc.links import Links
from steelyard.rpc.log import as_json
from steelyard.rpc.server import Server

PATIENCE: Final = 120.0  # seconds for a round
LONGEST: Final = 1 << 28  # bytes of a message
SHORT: Final = 4096  # values
T = TypeVar("T")


class Delayed(Sessions):
    """Every frame arrives `delay` seconds later, in its order."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self._delay = delay
        self._flying = deque[tuple[PartyId, Frame]]()

    def deliver(self, peer: PartyId, frame: Frame) -> None:
        self._flying.append((peer, frame))
        asyncio.get_running_loop().call_later(self._delay, self._arrive)

    def _arrive(self) -> None:
        super().deliver(*self._flying.popleft())


async def main(home: str, listen: str, name: str, size: int, delay: float) -> None:
    as_json("error")  # stdout is for answers
    sessions, place = Delayed(delay) if delay else Sessions(), Home(Path(home))
    membership, me = place.membership(), PartyId(place.path.name)
    links = links_of(me, membership, place.path, sessions)
    server = Server(listen, place.path, Authorise(membership, ROLES, me), [peer_service(links)])
    party = _Party(PROGRAMS[name], size, partial(_context, membership, me, place.signing_key()), links, sessions)
    memory.settle()
    await server.start()
    links.start()
    await links.to(party.others, PATIENCE)
    _say({})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await (party.open() if line.strip() == "open" else party.compute()))


class _Party:
    def __init__(
        self, program: Program, size: int, context: Callable[[str], Attempt], links: Links, sessions: Sessions
    ) -> None:
        self._program = program
        self._size = size
        self._context = context
        self._links = links
        self._sessions = sessions
        self._attempts = (f"{number:032x}" for number in count(1))  # the same ones at all parties
        self._threads = ThreadPoolExecutor(4) if size > SHORT else None
        self._prepared = program.prepare(context("00" * 16), size)
        self._held: tuple[Circle, Any] | None = None

    @property
    def others(self) -> frozenset[PartyId]:
        return frozenset(self._context("00" * 16).others)

    async def compute(self) -> dict[str, object]:
        self._held = None  # what was computed before
        clock, tally, attempt = list[float](), Count(), next(self._attempts)
        self._held = await self._drive(attempt, self._timed(self._context(attempt), clock, tally))
        said = {"digest": digest(self._held[1])} if self._program.public else {}
        return {"seconds": clock[1] - clock[0], "rounds": len(tally.steps), **said}

    async def open(self) -> dict[str, object]:
        if self._held is None:
            raise ValueError("nothing was computed that could be opened")
        return {"digest": await self._drive(next(self._attempts), self._opening(*self._held))}

    async def _drive(self, attempt: str, protocol: Protocol[T]) -> T:
        key, others = bytes.fromhex(attempt), self.others
        mailbox = self._sessions.open(key, others, LONGEST)
        links: Mapping[PartyId, Any] = await self._links.to(others, PATIENCE)
        try:
            return await drive(protocol, key, mailbox, links, self._threads, PATIENCE)
        finally:
            self._sessions.close(key)

    def _timed(self, context: Attempt, clock: list[float], tally: Count) -> Protocol[tuple[Circle, Any]]:
        circle = yield from meet(context)
        yield broadcast("barrier", b"ready", circle.others)
        clock.append(time.perf_counter())
        result = yield from counted(self._program.compute(circle, self._prepared), tally)
        clock.append(time.perf_counter())
        return circle, result

    def _opening(self, circle: Circle, result: Any) -> Protocol[str]:
        yield broadcast("barrier", b"ready", circle.others)  # what comes before the mailbox is there must be short
        return digest((yield from self._program.open(circle, result))[: self._size])


def _context(membership: Membership, me: PartyId, signing: Ed25519PrivateKey, attempt: str) -> Attempt:
    return Attempt(
        computation=ComputationId("00" * 16),
        attempt=AttemptId(attempt),
        request="00" * 32,
        manifest=membership.digest,
        me=me,
        participants=membership.parties,
        points=membership.points,
        threshold=membership.threshold,
        liars=membership.threshold - 1,
        quorum=membership.quorum,
        minimum_group=membership.minimum_group,
        signing=signing,
        keys=membership.signing_keys,
    )


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    event_loop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
