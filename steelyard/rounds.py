"""Protocols as generators: yield a `Round` (what I send), receive an `Inbox` (what I got), return the output.

No socket, clock or thread in here.  The same generator is pumped by `run_locally` in tests, by a tampering adversary in
security tests and by peer streams in production (steelyard.rpc.drive).  Sub-protocols compose with `yield from`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from steelyard.errors import Failed, SteelyardError
from steelyard.ids import PartyId

T = TypeVar("T")
Inbox = Mapping[PartyId, bytes | bytearray]


@dataclass(frozen=True, slots=True)
class Round:
    """One step: `send` maps receivers to messages, `hear` says from whom a message is awaited.

    `enough` is how many messages the protocol needs; None means all of `hear`.  With fewer the driver ends the protocol
    with an error naming who is missing; with at least `enough` it waits for the rest only a moment.
    """

    step: str
    send: Mapping[PartyId, bytes | bytearray] = field(repr=False)
    hear: frozenset[PartyId]
    enough: int | None = None

    @property
    def needed(self) -> int:
        return len(self.hear) if self.enough is None else self.enough


Protocol = Generator[Round, Inbox, T]
Tamper = Callable[[PartyId, PartyId, Round, bytes | bytearray], bytes | bytearray | None]


def broadcast(
    step: str,
    message: bytes | bytearray,
    others: Iterable[PartyId],
    enough: int | None = None,
) -> Round:
    """The same message to all others, and one awaited from each of them."""
    hear = frozenset(others)
    return Round(step, dict.fromkeys(hear, message), hear, enough)


def run_locally(
    protocols: Mapping[PartyId, Protocol[T]], tamper: Tamper | None = None
) -> dict[PartyId, T | SteelyardError]:
    """Plays all parties in lock-step in one process; a party that fails falls silent, and others may go on without it.

    `tamper(sender, receiver, round, message)` may change a message or drop it (None): the adversary of security tests.
    """
    outcome: dict[PartyId, T | SteelyardError] = {}
    rounds: dict[PartyId, Round] = {}
    for party in protocols:
        _advance(party, protocols, None, rounds, outcome)
    while rounds:
        now, rounds = rounds, {}
        sent = _deliver(now, tamper)
        for party, round_ in now.items():
            inbox = {s: sent[s, party] for s in round_.hear if (s, party) in sent and now[s].step == round_.step}
            _advance(party, protocols, _checked(round_, inbox), rounds, outcome)
    return outcome


def _deliver(now: Mapping[PartyId, Round], tamper: Tamper | None) -> dict[tuple[PartyId, PartyId], bytes | bytearray]:
    sent = {}
    for sender, round_ in now.items():
        for receiver, message in round_.send.items():
            changed = tamper(sender, receiver, round_, message) if tamper else message
            if changed is not None:
                sent[sender, receiver] = changed
    return sent


def _checked(round_: Round, inbox: Inbox) -> Inbox | SteelyardError:
    if len(inbox) >= round_.needed:
        return inbox
    missing = ", ".join(sorted(round_.hear - inbox.keys()))
    return Failed(f"no {round_.step} message from {missing}")


def _advance(
    party: PartyId,
    protocols: Mapping[PartyId, Protocol[T]],
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
