"""One party of the engine alone: `python -m benchmarks.systems.engine_party HOME LISTEN PROGRAM SIZE`.

Peer streams with mutual TLS, mailboxes and driver are those of a node; there is no coordinator, policy or ledger.  Says
{} when connected, then runs the program once for every line on stdin, an attempt id, and answers with a line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.systems.engine_programs import PROGRAMS, Prepared, Program
from node.authorisation import ROLES
from node.peers import PeerService, links_of
from node.sessions import Sessions
from steelyard.identity.homes import Home
from steelyard.identity.membership import Membership
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.convene import convene
from steelyard.rounds import Protocol, broadcast
from steelyard.rpc import memory
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.drive import drive
from steelyard.rpc.links import Links
from steelyard.rpc.log import as_json
from steelyard.rpc.server import Server
from steelyard.sharing.attempt_keys import AttemptKeys
from steelyard.v1 import peer_pb2_grpc

PATIENCE: Final = 120.0  # seconds for a round
LONGEST: Final = 1 << 28  # bytes of a message
SHORT: Final = 4096  # values


async def main(home: str, listen: str, name: str, size: int) -> None:
    as_json("error")  # stdout is for answers
    sessions, place = Sessions(), Home(Path(home))
    membership, me = place.membership(), PartyId(place.path.name)
    links = links_of(me, membership, place.path, sessions)
    add = partial(peer_pb2_grpc.add_PeerServiceServicer_to_server, PeerService(links))
    server = Server(listen, place.path, Authorise(membership, ROLES, me), [add])
    program = PROGRAMS[name]
    prepared = program.prepare(membership, me, size)
    memory.settle()
    await server.start()
    links.start()
    others = frozenset(membership.parties) - {me}
    await links.to(others, PATIENCE)
    _say({})
    party = _Party(membership, me, links, sessions)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await party.run(program, prepared, line.strip(), size))


class _Party:
    def __init__(self, membership: Membership, me: PartyId, links: Links, sessions: Sessions) -> None:
        self._membership = membership
        self._me = me
        self._links = links
        self._sessions = sessions
        self._threads = ThreadPoolExecutor(4)

    async def run(self, program: Program, prepared: Prepared, attempt: str, size: int) -> dict[str, object]:
        membership, steps = self._membership, list[str]()
        others = frozenset(membership.parties) - {self._me}
        mailbox = self._sessions.open(bytes.fromhex(attempt), others, LONGEST)
        links = await self._links.to(others, PATIENCE)
        threads = self._threads if size > SHORT else None
        clock: list[float] = []
        protocol = self._protocol(program, prepared, attempt, clock)
        output = await drive(protocol, bytes.fromhex(attempt), mailbox, links, threads, PATIENCE, steps.append)
        self._sessions.close(bytes.fromhex(attempt))
        digest = hashlib.sha256(output).hexdigest()
        return {"seconds": clock[1] - clock[0], "rounds": len(steps), "digest": digest}

    def _protocol(self, program: Program, prepared: Prepared, attempt: str, clock: list[float]) -> Protocol[bytes]:
        context = self._context(attempt)
        with AttemptKeys(self._me, bytes(32), context.computation, context.attempt) as keys:
            hellos = yield broadcast("hello", keys.public + keys.nonce, context.others)
            for party, hello in hellos.items():
                keys.agree(party, bytes(hello[:32]), bytes(hello[32:]))
            circle = yield from convene(context, keys)
            yield broadcast("barrier", b"ready", context.others)
            clock.append(time.perf_counter())
            result = yield from program.compute(circle, prepared)
            clock.append(time.perf_counter())
            return (yield from program.open(circle, result))

    def _context(self, attempt: str) -> Attempt:
        membership = self._membership
        return Attempt(
            computation=ComputationId("00" * 16),
            attempt=AttemptId(attempt),
            request="00" * 32,
            manifest=membership.digest,
            me=self._me,
            participants=membership.parties,
            points=membership.points,
            threshold=membership.threshold,
            quorum=membership.quorum,
            minimum_group=membership.minimum_group,
            signing=None,  # type: ignore[arg-type]  # nothing is signed
            keys=membership.signing_keys,
        )


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
