"""The life of a computation as a table: what is not in it does not happen.

PROPOSED   the nodes are being asked             deliver: results of an earlier life were found at the nodes
APPROVED   all that take part agreed
RUNNING    an attempt is under way               start: the next attempt; approve: asked again before it
DONE, REFUSED, ABORTED                           the end: nothing leads out of these
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from steelyard.errors import Conflict, Refused, SteelyardError


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
    """The state that `event` leads to; raises Conflict when it leads nowhere from here."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Conflict(f"a computation that is {state} cannot {event}") from None


def ending(failure: SteelyardError) -> Event:
    """How a failure ends a computation: somebody said no, or it could not be finished."""
    return Event.REFUSE if isinstance(failure, Refused) else Event.ABORT
