"""The life of a computation as a table: what is not in it does not happen.

PROPOSED   the nodes are being asked
APPROVED   all that take part agreed
RUNNING    an attempt is under way; start begins the next one
DONE, REFUSED, ABORTED: nothing leads out of these

After a crash, and before the next attempt, the nodes are asked again (approve, in every state); results that they made
before a crash may be found in every state (deliver).
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from steelyard.errors import Refused, SteelyardError


class State(StrEnum):
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    ABORTED = "ABORTED"

    @property
    def ended(self) -> bool:
        return self in ENDED


class Event(StrEnum):
    APPROVE = "approve"
    START = "start"
    DELIVER = "deliver"
    REFUSE = "refuse"
    ABORT = "abort"


ENDED: Final = frozenset({State.DONE, State.REFUSED, State.ABORTED})

TRANSITIONS: Final = MappingProxyType(
    {
        (State.PROPOSED, Event.APPROVE): State.APPROVED,
        (State.PROPOSED, Event.DELIVER): State.DONE,
        (State.PROPOSED, Event.REFUSE): State.REFUSED,
        (State.PROPOSED, Event.ABORT): State.ABORTED,
        (State.APPROVED, Event.APPROVE): State.APPROVED,
        (State.APPROVED, Event.DELIVER): State.DONE,
        (State.APPROVED, Event.START): State.RUNNING,
        (State.APPROVED, Event.REFUSE): State.REFUSED,
        (State.APPROVED, Event.ABORT): State.ABORTED,
        (State.RUNNING, Event.APPROVE): State.RUNNING,
        (State.RUNNING, Event.START): State.RUNNING,
        (State.RUNNING, Event.DELIVER): State.DONE,
        (State.RUNNING, Event.REFUSE): State.REFUSED,
        (State.RUNNING, Event.ABORT): State.ABORTED,
    }
)


def after(state: State, event: Event) -> State:
    """The state that `event` leads to; where it leads nowhere, that is a defect of ours (INTERNAL)."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise SteelyardError(f"a computation that is {state} cannot {event}") from None


def ending(failure: SteelyardError) -> Event:
    """How a failure ends a computation: somebody said no, or it could not be finished."""
    return Event.REFUSE if isinstance(failure, Refused) else Event.ABORT
