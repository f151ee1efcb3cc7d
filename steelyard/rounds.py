"""Protocols as generators: yield a `Round` (what I send), receive an `Inbox` (what I got), return the output.

No socket, clock or thread in here.  The same generator is pumped by `run_locally` in tests, by a tampering adversary in
security tests and by peer streams in production (steelyard.rpc.drive).  Sub-protocols compose with `yield from`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from steelyard.errors import Failed, Invalid, Malformed, SteelyardError
from steelyard.ids import PartyId

T = TypeVar("T")
Message = bytes | bytearray | memoryview
_LENGTH: Final = 4  # bytes of the length of a part of a merged message
Inbox = Mapping[PartyId, bytes | bytearray]


@dataclass(frozen=True, slots=True)
class Round:
    """One step: `send` maps receivers to messages, `hear` says from whom a message is awaited.

    `enough` is how many messages the protocol needs; None means all of `hear`.  With fewer the driver ends the protocol
    with an error naming who is missing; with at least `enough` it waits for the rest only a moment; a
    `patient` round waits for who is slow as long as for one it needs, though not for who is gone.
    """

    step: str
    send: Mapping[PartyId, Message] = field(repr=False)
    hear: frozenset[PartyId]
    enough: int | None = None
    patient: bool = False
    swift: bool = False  # what follows its inbox is arithmetic alone: it waits for nothing

    @property
    def needed(self) -> int:
        return len(self.hear) if self.enough is None else self.enough


@dataclass(frozen=True, slots=True)
class Fork:
    """Protocols side by side, at most `depth` at a time, so that computing and sending overlap.

    They are made one after the other, in the same order at all parties; `results` gets their outputs in that order.
    """

    branches: Iterable[Protocol[Any]] = field(repr=False)
    depth: int
    results: list[Any] = field(default_factory=list, repr=False)


Protocol = Generator[Round | Fork, Inbox, T]
Tamper = Callable[[PartyId, PartyId, Round, Message], Message | None]


def broadcast(
    step: str,
    message: Message,
    others: Iterable[PartyId],
    enough: int | None = None,
) -> Round:
    """The same message to all others, and one awaited from each of them."""
    hear = frozenset(others)
    return Round(step, dict.fromkeys(hear, message), hear, enough)


def pipeline(branches: Iterable[Protocol[T]], depth: int) -> Protocol[list[T]]:
    """The outputs of all branches.  Branches share nothing: each has its own streams."""
    fork = Fork(branches, depth)
    yield fork
    return fork.results


def called(step: str, protocol: Protocol[T]) -> Protocol[T]:
    """The same, its rounds under one name: what those who wait are told of a long protocol."""
    return (yield from stepwise(protocol, change=lambda round_: replace(round_, step=step)))


def swift(protocol: Protocol[T]) -> Protocol[T]:
    """The same, of whose steps none waits for anything: where they are short, a driver need not give them a thread.

    It ends with a round in which nothing is sent, so that what the caller does next is a step of the caller's own.
    """
    output = yield from stepwise(protocol, change=lambda round_: replace(round_, swift=True))
    yield Round("computed", {}, frozenset())
    return output


def stepwise(
    protocol: Protocol[T],
    *,
    before: Callable[[], None] = lambda: None,
    change: Callable[[Round], Round] = lambda round_: round_,
) -> Protocol[T]:
    """The same: `before` is called ahead of each of its steps, and each of its rounds is changed."""
    answer: Callable[[], Round | Fork] = partial(next, protocol)
    with closing(protocol):
        while True:
            before()
            try:
                step = answer()
            except StopIteration as end:
                output: T = end.value
                return output
            try:
                inbox = yield change(step) if isinstance(step, Round) else step
            except SteelyardError as error:
                answer = partial(protocol.throw, error)
            else:
                answer = partial(protocol.send, inbox)


def batch(protocols: Sequence[Protocol[T]]) -> Protocol[list[T]]:
    """The outputs of protocols that go in step: a round of all of them is one round, with one message to a party."""
    rounds: dict[int, Round] = {}
    outputs: dict[int, T] = {}
    inboxes: Mapping[int, Inbox | None] = dict.fromkeys(range(len(protocols)))
    while True:
        for index, inbox in inboxes.items():
            try:
                rounds[index] = _plain(protocols[index].send(inbox) if inbox is not None else next(protocols[index]))
            except StopIteration as end:
                outputs[index] = end.value
        if not rounds:
            return [outputs[index] for index in range(len(protocols))]
        received = yield _together(rounds.values())
        inboxes = _apart(rounds, received)
        rounds = {}


def run_locally(
    protocols: Mapping[PartyId, Protocol[T]], tamper: Tamper | None = None
) -> dict[PartyId, T | SteelyardError]:
    """Plays all parties in lock-step in one process; a party that fails falls silent, and others may go on without it.

    `tamper(sender, receiver, round, message)` may change a message or drop it (None): the adversary of security tests.
    """
    outcome: dict[PartyId, T | SteelyardError] = {}
    rounds: dict[PartyId, Round] = {}
    plain = {party: _unforked(protocol) for party, protocol in protocols.items()}
    for party in plain:
        _advance(party, plain, None, rounds, outcome)
    while rounds:
        now, rounds = rounds, {}
        sent = _deliver(now, tamper)
        for party, round_ in now.items():
            inbox = {s: sent[s, party] for s in round_.hear if (s, party) in sent and now[s].step == round_.step}
            _advance(party, plain, _checked(round_, inbox), rounds, outcome)
    return outcome


def _deliver(now: Mapping[PartyId, Round], tamper: Tamper | None) -> dict[tuple[PartyId, PartyId], bytes | bytearray]:
    sent = {}
    for sender, round_ in now.items():
        for receiver, message in round_.send.items():
            changed = tamper(sender, receiver, round_, message) if tamper else message
            if changed is not None:  # a message is what it was when it was sent
                sent[sender, receiver] = bytes(changed) if isinstance(changed, memoryview) else changed
    return sent


def _checked(round_: Round, inbox: Inbox) -> Inbox | SteelyardError:
    if len(inbox) >= round_.needed:
        return inbox
    missing = ", ".join(sorted(round_.hear - inbox.keys()))
    return Failed(f"no {round_.step} message from {missing}")


def _advance(
    party: PartyId,
    protocols: Mapping[PartyId, Generator[Round, Inbox, T]],
    inbox: Inbox | SteelyardError | None,
    rounds: dict[PartyId, Round],
    outcome: dict[PartyId, T | SteelyardError],
) -> None:
    protocol = protocols[party]
    try:
        if inbox is None:
            rounds[party] = next(protocol)
        elif isinstance(inbox, SteelyardError):
            rounds[party] = protocol.throw(inbox)
        else:
            rounds[party] = protocol.send(inbox)
    except StopIteration as end:
        outcome[party] = end.value
    except SteelyardError as error:
        outcome[party] = error


def _unforked(protocol: Protocol[T]) -> Generator[Round, Inbox, T]:
    """The protocol with its branches one after the other."""
    inbox: Inbox | None = None
    try:
        while True:
            step = next(protocol) if inbox is None else protocol.send(inbox)
            if isinstance(step, Fork):
                for branch in step.branches:
                    step.results.append((yield from _unforked(branch)))
                inbox = {}
            else:
                try:
                    inbox = yield step
                except SteelyardError as error:
                    protocol.throw(error)
                    raise
    except StopIteration as end:
        output: T = end.value
        return output


def _plain(step: Round | Fork) -> Round:
    if isinstance(step, Fork) or step.enough is not None:
        raise Invalid("what goes in step neither forks nor goes on without somebody")
    return step


def _together(rounds: Iterable[Round]) -> Round:
    """One round; the parts of a message follow each other, each behind its length."""
    rounds = list(rounds)
    send: dict[PartyId, list[Message]] = {}
    for round_ in rounds:
        for party, message in round_.send.items():
            view = memoryview(message).cast("B")
            send.setdefault(party, []).extend((len(view).to_bytes(_LENGTH, "little"), view))
    steps = "+".join(dict.fromkeys(round_.step for round_ in rounds))
    hear = frozenset[PartyId]().union(*(round_.hear for round_ in rounds))
    return Round(steps, {party: b"".join(parts) for party, parts in send.items()}, hear)


def _apart(rounds: Mapping[int, Round], received: Inbox) -> dict[int, Inbox]:
    inboxes: dict[int, dict[PartyId, bytearray]] = {index: {} for index in rounds}
    for party, message in received.items():
        rest = memoryview(message)
        for index, round_ in rounds.items():
            if party in round_.hear:
                length = int.from_bytes(rest[:_LENGTH], "little")
                inboxes[index][party] = bytearray(rest[_LENGTH : _LENGTH + length])
                rest = rest[_LENGTH + length :]
        if rest:
            raise Malformed(f"{party} sent more than was awaited", culprits=(party,))
    return dict(inboxes)
