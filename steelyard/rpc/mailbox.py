"""The mailbox of one attempt: pieces of messages go in, whole inboxes of a round come out.

Everything a peer sends is bounded here: who, which attempt, how far ahead, how long, in which order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from steelyard.errors import Cheated, Failed, Malformed, Overloaded, Refused, SteelyardError, TimedOut
from steelyard.ids import PartyId
from steelyard.rounds import Inbox, Round
from steelyard.rpc.frames import Frame
from steelyard.v1.peer_pb2 import Abort

MAIN: Final = 0  # the branch of the protocol itself
ROUNDS_AHEAD: Final = 64  # who hears from few is ahead of the others by no more rounds than it takes to hear from all
BRANCHES_AHEAD: Final = 64
ROUNDS_BEFORE: Final = 2  # that peers may be ahead of a party that has not begun
MESSAGES_KEPT: Final = 16  # of the longest kind that one peer may be ahead
GRACE: Final = 1.0  # seconds that a round with enough messages waits for the rest
SPEED: Final = 1 << 23  # bytes a second: what has come says how long the rest may take, where messages are long


@dataclass(slots=True)
class _Message:
    step: str
    buffer: bytes | bytearray = field(repr=False)
    filled: int = 0

    @property
    def whole(self) -> bool:
        return self.filled == len(self.buffer)


@dataclass(slots=True)
class _Branch:
    """What has come in for one branch, from its present round on."""

    round: int = 0
    before: int = 0  # bytes of the round before, on which others may be at work still
    wanted: int = 0  # whole messages of this round still to come before it is worth while to look
    messages: dict[tuple[int, PartyId], _Message] = field(default_factory=dict)
    waiter: asyncio.Future[None] | None = None

    def tell(self) -> None:
        """That there is news, for whoever waits for it."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """For news, at most so long."""
        loop = asyncio.get_running_loop()
        self.waiter = loop.create_future()
        alarm = loop.call_later(seconds, self.tell)
        try:
            await self.waiter
        finally:
            alarm.cancel()
            self.waiter = None

    def size(self, number: int) -> int:
        """Bytes of all messages of a round, those that are on their way whole."""
        return sum(len(message.buffer) for (at, _), message in self.messages.items() if at == number)


class Mailbox:
    """Collects what the `peers` of one attempt send; `max_message` bounds any single message in bytes."""

    def __init__(self, peers: frozenset[PartyId], max_message: int) -> None:
        self._peers = peers
        self._max_message = max_message
        self._branches: dict[int, _Branch] = {MAIN: _Branch()}
        self._newest = MAIN  # of the branches that this party has begun
        self._over: set[int] = set()
        self._gone: dict[PartyId, SteelyardError] = {}
        self._begun = False
        self._kept = Counter[PartyId]()  # bytes

    def deliver(self, peer: PartyId, frame: Frame) -> None:
        """Takes one frame; a peer that breaks a bound is gone, as a cheat."""
        if peer not in self._peers or peer in self._gone:
            return
        try:
            self._take(peer, frame)
        except (Malformed, Overloaded) as error:
            self.lose(peer, error)

    def lose(self, peer: PartyId, error: SteelyardError) -> None:
        """Nothing more will come from this peer."""
        self._gone.setdefault(peer, error)
        for branch in self._branches.values():
            branch.tell()

    def end(self, branch: int) -> None:
        """The branch is over here; what others still send for it is not looked at."""
        ended = self._branches.pop(branch, None)
        for (_, peer), message in ended.messages.items() if ended else ():
            self._kept[peer] -= len(message.buffer)
        self._over.add(branch)

    async def collect(self, branch: int, number: int, round_: Round, patience: float) -> Inbox:
        """The messages of round `number` of a branch: all, or enough once the rest is gone or the grace is over.

        Raises what took a needed peer away, or TimedOut naming who is missing after `patience` seconds.
        """
        self._begun, self._newest = True, max(self._newest, branch)
        here = self._branches.setdefault(branch, _Branch())
        here.round = number
        start = asyncio.get_running_loop().time()
        while True:
            inbox = self._inbox(here, number, round_)
            if len(inbox) == len(round_.hear):
                self._forget(here, number)
                return inbox
            missing = round_.hear - inbox.keys()
            alive = missing - self._gone.keys()
            if len(inbox) + len(alive) < round_.needed:
                raise self._worst(missing - alive)
            waited = asyncio.get_running_loop().time() - start
            enough = len(inbox) >= round_.needed
            grace = patience if round_.patient else GRACE + (here.before + here.size(number)) / SPEED
            if not alive or (enough and waited >= grace):
                self._forget(here, number)
                return inbox
            here.wanted = len(alive) if enough else round_.needed - len(inbox)
            if waited >= patience:
                names = ", ".join(sorted(alive))
                raise TimedOut(f"no {round_.step} message from {names} in {patience:.0f} s", party=min(alive))
            await here.wait((grace if enough else patience) - waited)

    def _take(self, peer: PartyId, frame: Frame) -> None:
        if frame.abort is not None:
            return self.lose(peer, _claimed(peer, frame.abort))
        if frame.branch in self._over:
            return None
        if frame.branch > (self._newest + BRANCHES_AHEAD if self._begun else MAIN):
            raise Malformed(f"{peer} sent a frame of another branch", culprits=(peer,))
        branch = self._branches.setdefault(frame.branch, _Branch())
        if frame.round < branch.round:
            return None  # of a round that is over: late is not dishonest
        if frame.round > branch.round + (ROUNDS_AHEAD if self._begun else ROUNDS_BEFORE):
            raise Malformed(f"{peer} sent a frame of another round", culprits=(peer,))
        message = self._filled(peer, branch, frame)
        if message.whole and frame.round == branch.round:
            branch.wanted -= 1
            if branch.wanted <= 0:
                branch.tell()
        return None

    def _filled(self, peer: PartyId, branch: _Branch, frame: Frame) -> _Message:
        """The message that the frame belongs to, with what it brought."""
        message, body = branch.messages.get((frame.round, peer)), frame.body
        if message is not None:
            self._append(peer, message, frame, body)
            return message
        if not 0 < frame.length <= self._max_message:
            raise Malformed(f"{peer} sent a message that is too long or empty", culprits=(peer,))
        self._kept[peer] += frame.length
        if self._kept[peer] > MESSAGES_KEPT * self._max_message:
            raise Overloaded(f"{peer} is further ahead than this node can keep", party=peer)
        if len(body) == frame.length and not frame.offset:  # whole at once; what came with it is not kept
            message = _Message(frame.step, bytes(body), frame.length)
        else:
            message = _Message(frame.step, bytearray(frame.length))
            self._append(peer, message, frame, body)
        branch.messages[frame.round, peer] = message
        return message

    def _append(self, peer: PartyId, message: _Message, frame: Frame, body: bytes | memoryview) -> None:
        end = frame.offset + len(body)
        described = (frame.step, frame.length, frame.offset)
        if described != (message.step, len(message.buffer), message.filled) or not body or end > frame.length:
            raise Malformed(f"{peer} sent pieces that do not fit together", culprits=(peer,))
        if isinstance(message.buffer, bytearray):  # bytes are whole, and were refused above
            message.buffer[frame.offset : end] = body
        message.filled = end

    def _inbox(self, branch: _Branch, number: int, round_: Round) -> dict[PartyId, bytes | bytearray]:
        inbox = {}
        for peer in round_.hear:
            message = branch.messages.get((number, peer))
            if message is None or not message.whole:
                continue
            if message.step != round_.step:
                self.lose(peer, Malformed(f"{peer} is at another step than {round_.step}", culprits=(peer,)))
                continue
            inbox[peer] = message.buffer
        return inbox

    def _forget(self, branch: _Branch, number: int) -> None:
        branch.before = branch.size(number)
        for peer in self._peers:
            if message := branch.messages.pop((number, peer), None):
                self._kept[peer] -= len(message.buffer)
        branch.round = number + 1

    def _worst(self, missing: frozenset[PartyId]) -> SteelyardError:
        """Why the round cannot be finished: cheating before refusals before failures."""
        errors = [self._gone[peer] for peer in sorted(missing)]
        order = (Cheated, Refused, SteelyardError)
        return next(error for kind in order for error in errors if isinstance(error, kind))


def _claimed(peer: PartyId, abort: Abort) -> SteelyardError:
    from steelyard.errors import by_reason

    kind, said = by_reason(abort.reason), abort.message[:500]
    if kind is SteelyardError or issubclass(kind, Failed):
        return (Failed if kind is SteelyardError else kind)(f"{peer} gave the attempt up: {said}", party=peer)
    # An accusation proves nothing: one of the accused cheated, or the accuser.
    named = dict.fromkeys(name[:40] for name in (peer, *abort.culprits[:31], *abort.suspects[:31]))
    return kind(said, party=peer, suspects=tuple(named) if issubclass(kind, Cheated) else ())
