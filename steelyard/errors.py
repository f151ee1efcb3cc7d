"""Everything that can go wrong, in one tree with three branches a caller can act on.

SteelyardError
├── Refused              somebody says no; the same call again gets the same answer
│   ├── Invalid          the caller's input is wrong                                  exit 2
│   ├── NotFound         no such computation, dataset, column or party                exit 3
│   ├── PolicyRefused    an owner's policy says no                                    exit 4
│   │   ├── GroupTooSmall        fewer parties or rows than the minimum
│   │   ├── DifferencingRefused  too close to something already released
│   │   └── BudgetExhausted      the privacy budget is used up
│   ├── Unauthenticated  no, unknown or wrong identity or signature                   exit 7
│   ├── Outdated         begun under another release of the software                  exit 8
│   └── Conflict         exists already, replayed, or another state or version        exit 8
├── Failed               network, time, a peer is down; a retry may help              exit 5
│   ├── Unreachable      a party does not answer
│   ├── TimedOut         a deadline passed
│   ├── PartyMissing     a party delivered no input
│   ├── Cancelled        somebody cancelled the computation
│   ├── Overloaded       a quota is full
│   └── StoreFault       a node's store or its key cannot be used; why is for its own log
└── Cheated              a check failed                                               exit 6
    └── Malformed        a peer sent what no honest peer sends

A message is written for people of another organisation: it must never hold a secret, a share or a value from a dataset.
`reason` is stable, `advice` says what to do next.  Anything that is not a SteelyardError never crosses the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar


class SteelyardError(Exception):
    """Base of the tree.  `status` is the name of a gRPC status code."""

    reason: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1
    status: ClassVar[str] = "INTERNAL"
    advice: ClassVar[str] = "This is a defect: report it, with its id where it has one."

    def __init__(
        self,
        message: str,
        *,
        party: str = "",
        culprits: Iterable[str] = (),
        suspects: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.party = party  # who says so, where that matters
        self.culprits = tuple(culprits)  # proven
        self.suspects = tuple(suspects)  # one of these, which one is not proven


class Refused(SteelyardError):
    reason = "REFUSED"
    exit_code = 4
    status = "PERMISSION_DENIED"
    advice = "Ask the party that refused."


class Invalid(Refused):
    reason = "INVALID"
    exit_code = 2
    status = "INVALID_ARGUMENT"
    advice = "Correct the input and call again."


class NotFound(Refused):
    reason = "NOT_FOUND"
    exit_code = 3
    status = "NOT_FOUND"
    advice = "Check the name; `steelyard party list` and `steelyard data list` show what there is."


class PolicyRefused(Refused):
    reason = "POLICY_REFUSED"
    advice = "Only the owner can change this: ask for an entry in its policy file."


class GroupTooSmall(PolicyRefused):
    reason = "GROUP_TOO_SMALL"
    advice = "Ask for a result over more parties or more rows."


class DifferencingRefused(PolicyRefused):
    reason = "DIFFERENCING_REFUSED"
    advice = "With an earlier result it could single somebody out: wait for all parties' new data, or the next period."


class BudgetExhausted(PolicyRefused):
    reason = "BUDGET_EXHAUSTED"
    advice = "Wait for the policy's next period, or ask for less precision (a smaller epsilon)."


class Unauthenticated(Refused):
    reason = "UNAUTHENTICATED"
    exit_code = 7
    status = "UNAUTHENTICATED"
    advice = "Check your certificate, your keys and the manifest's version; `steelyard pki check` explains them."


class Conflict(Refused):
    reason = "CONFLICT"
    exit_code = 8
    status = "ALREADY_EXISTS"
    advice = "Look at the current state first (`steelyard computation show ID`)."


class KeyReplaced(Refused):
    reason = "KEY_REPLACED"
    exit_code = 8
    status = "FAILED_PRECONDITION"
    advice = "Contribute again: it is sealed to the node's new key then."


class Outdated(Refused):
    reason = "OUTDATED"
    exit_code = 8
    status = "FAILED_PRECONDITION"
    advice = "Ask again with a new request: this one was begun under another release, and does not go on."


class Failed(SteelyardError):
    reason = "FAILED"
    exit_code = 5
    status = "UNAVAILABLE"
    advice = "Try again; if it stays, ask the party named."


class Unreachable(Failed):
    reason = "UNREACHABLE"
    advice = "Check that the party named is running (`steelyard party list`), then try again."


class TimedOut(Failed):
    reason = "TIMED_OUT"
    status = "DEADLINE_EXCEEDED"
    advice = "Try again later: the party named is slow, the network is, or its owner has still to decide."


class PartyMissing(Failed):
    reason = "PARTY_MISSING"
    status = "FAILED_PRECONDITION"
    advice = (
        "Start or mend the node named and ask again. Or leave it out with --allow-missing: results over other parties "
        "are then refused until the data of all is new or the period is over."
    )


class Cancelled(Failed):
    reason = "CANCELLED"
    status = "CANCELLED"
    advice = "Ask again with a new request."


class Overloaded(Failed):
    reason = "OVERLOADED"
    status = "RESOURCE_EXHAUSTED"
    advice = "Wait until running computations have ended."


class StoreFault(Failed):
    """`inside` says what is wrong, for the node's own log and operator; what crosses the wire does not."""

    reason = "STORE_FAULT"
    status = "FAILED_PRECONDITION"
    advice = "The operator of the node finds the reason in its log; nothing was overwritten."

    inside = ""

    @classmethod
    def because(cls, inside: str) -> StoreFault:
        """The same sentence for everybody else, whatever is wrong."""
        fault = cls("the node cannot open what it has stored")
        fault.inside = inside
        return fault


class Stale(Failed):
    reason = "STALE"
    status = "FAILED_PRECONDITION"
    advice = "Give the party named its share back: `steelyard recover PARTY`."


class Cheated(SteelyardError):
    reason = "CHEATED"
    exit_code = 6
    status = "ABORTED"
    advice = "Do not use any result; the audit logs of the parties say what each of them saw."


class Malformed(Cheated):
    reason = "MALFORMED"
    advice = "The party named runs broken or hostile software; compare versions, then ask its security officer."


def tree(branch: type[SteelyardError] = SteelyardError) -> Iterator[type[SteelyardError]]:
    """The branch and everything that grows on it."""
    yield branch
    for child in branch.__subclasses__():
        yield from tree(child)


def by_reason(reason: str) -> type[SteelyardError]:
    """The class with this stable reason; the root for a reason we do not know."""
    return next((each for each in tree() if each.reason == reason), SteelyardError)
