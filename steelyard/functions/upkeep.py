"""Upkeep: what is done to a stored sharing as a whole: refreshing, recovering, resharing, checking and forgetting it.

Model       malicious, at most b nodes (steelyard.epochs.committee says how many of how many); then the step's own.
Rounds      2 (3 when the hellos are not relayed), and those of the step.   Sends a signature, and what is known of it.
Reveals     to the requester and all nodes: numbers that say nothing of what is stored.
Follows     steelyard.protocols.{refresh,recover,reshare,audit}.
Differs     nodes agree first, in writing, on what is asked of which epoch; who has lost everything is told by the
            others what there was, and believes the certificate.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
import numpy as np

from steelyard.digest import digest
from steelyard.documents.manifest import Name
from steelyard.documents.signed import Signed, decode, read
from steelyard.documents.stored import Stored
from steelyard.epochs.certificate import Commit
from steelyard.errors import Conflict, Invalid, Malformed, NotFound, Stale, SteelyardError
from steelyard.field import Vector
from steelyard.functions.computation import ResultShare
from steelyard.functions.question import Held, Layers, Opening, Question, Released, Table
from steelyard.functions.record import contributions
from steelyard.functions.selection import Selection
from steelyard.functions.shelves import Shelves, epoch_digest
from steelyard.ids import PartyId
from steelyard.protocols.agree import Ledger, agree
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting, Introduction, meet
from steelyard.rounds import Protocol, broadcast

LONGEST: Final = 1 << 25  # bytes of the longest message, whatever is stored: a unit of 2^18 values or a description


class Whole(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: a stored sharing, all of it.  `sharing` is its id, for a later one may have its name.

    `epoch` is the one that is to be changed: a request that is run again finds another.  0 where nothing is.
    """

    column: str = ""
    sharing: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?\\Z")] = ""
    epoch: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def check(self) -> None:
        super().check()
        if not self.stored or self.column or self.where:
            raise Invalid("this is done to a stored sharing as a whole: name it, such as pool")


class Lost(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: the party whose share is lost."""

    party: Name


class Holders(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: who is to hold shares from now on, and how many `shares` are to reconstruct."""

    holders: Annotated[tuple[Name, ...], msgspec.Meta(min_length=2, max_length=31)]
    shares: Annotated[int, msgspec.Meta(ge=2, le=31)]

    def check(self) -> None:
        super().check()
        if len(set(self.holders)) < len(self.holders) or self.shares > len(self.holders):
            raise Invalid("each holder is named once, and they are at least as many as the threshold")


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node knows of a sharing, for one who knows less; `description` is the exact document."""

    description: bytes
    certificate: Commit

    @property
    def stored(self) -> Stored:
        return read(Stored, self.description)

    @property
    def epoch(self) -> str:
        """As the hellos of those say it who hold a share of it."""
        return epoch_digest(self.stored, self.certificate.change.made)


W = TypeVar("W", bound=Whole)


class Upkeep(Question[W]):
    """Nobody brings anything; the figures are numbers that all nodes know."""

    @property
    def releases(self) -> bool:
        return False

    @property
    def waits(self) -> bool:
        return True

    @property
    def changes(self) -> bool:
        """Whether the request must say which epoch it is about."""
        return True

    def check_bound(self) -> None:
        """Raises Invalid for a request that does not say which sharing, and of which epoch, it is about."""
        if not self.wanted.sharing or (self.changes and not self.wanted.epoch):
            raise Invalid("the request says neither which sharing nor which epoch it is about: let the client write it")

    def made(self, known: Known) -> tuple[int, ...] | None:
        """The numbers again, where this change is what `known` came of; None for what makes no epoch."""
        return None

    @property
    @abstractmethod
    def figure_names(self) -> tuple[str, ...]:
        """What the numbers are."""

    @abstractmethod
    def step(self, attempt: Attempt, greeting: Greeting, known: Known, shelves: Shelves) -> Protocol[tuple[int, ...]]:
        """What is done; the numbers."""

    def values(self, rows: int) -> int:
        return 0

    def bring(self, table: Table, rows: int) -> Layers:
        return {}

    def release(self, held: Held) -> Protocol[Released]:
        yield from ()
        raise Invalid(f"{self.function} is not computed from inputs")

    def longest(self, participants: int, contributors: int = 0) -> int:
        return LONGEST

    def figures(self, opened: Opening) -> dict[str, Any]:
        found = opened.rows(len(self.figure_names), 1)[:, 0].tolist()
        if any(number < 0 for number in found):
            raise Malformed("a number of something that is below zero")
        return {"name": self.wanted.stored, **dict(zip(self.figure_names, found, strict=True))}


def keep_up(
    attempt: Attempt,
    question: Upkeep[Any],
    mine: Introduction,
    shelves: Shelves,
    ledger: Ledger,
    relayed: Mapping[PartyId, Signed] | None = None,
) -> Protocol[ResultShare]:
    """One attempt at any of these."""
    with mine.keys:
        # 1. Meet, and learn what there is of whom.
        greeting = yield from meet(attempt, mine, relayed)
        known = yield from _known(attempt, question, shelves)
        if not question.restores:
            check_epochs(greeting, known)
        change, stored = known.certificate.change, known.stored
        # 2. A quorum signs what is asked of which epoch.
        inputs = contributions(stored, ())
        transcript = digest("upkeep", known.description, change.encode()).hex()
        input_set, certificate = yield from agree(attempt, inputs, transcript, ledger)
        # 3. Do it, unless an earlier attempt has come to its end without anybody hearing of it.
        found = question.made(known) if change.computation == attempt.computation else None
        if found is None:
            check_bound(question.wanted, known)
            found = yield from question.step(attempt, greeting, known, shelves)
    return ResultShare(numbers(found), (), (), input_set, certificate)


def check_bound(wanted: Whole, known: Known) -> None:
    """Raises Conflict for another sharing or epoch than was asked about."""
    epoch = known.certificate.change.made.epoch
    if wanted.sharing not in ("", known.stored.id):
        raise Conflict(f"@{wanted.stored} is another sharing than the request was signed for: ask again")
    if wanted.epoch not in (0, epoch):
        raise Conflict(f"@{wanted.stored} stands at epoch {epoch}, the request is about {wanted.epoch}: ask again")


def check_epochs(greeting: Greeting, known: Known) -> None:
    """Raises Conflict unless everybody's hello, mine among them, was of the epoch that I know.

    While a change is being settled some have committed it and others have not: that makes nobody a cheat.
    """
    for party, hello in greeting.hellos.items():
        if hello.stored != known.epoch:
            told = f"{party} stands at another epoch of @{known.stored.name}"
            raise Conflict(f"{told}: a change is being settled, ask again in a moment", party=party)


def numbers(found: tuple[int, ...]) -> Vector:
    """My share of numbers that everybody knows: the numbers."""
    return np.array(found, dtype=np.uint64)


def holding(attempt: Attempt, known: Known) -> None:
    """Raises Stale unless all who take part hold a share of the epoch."""
    without = [party for party in attempt.participants if party not in known.certificate.change.new.points]
    if without:
        raise Stale(f"{without[0]} holds no share of this sharing", party=without[0])


def my_share(known: Known, shelves: Shelves) -> Vector:
    """Of exactly the epoch that is known, which the record says when it is read; raises Stale for any other.

    One of another epoch would tell whoever has that one what masks it.
    """
    change = known.certificate.change
    record = shelves.record(change.sharing)
    if record.standing != "active" or record.active is None or record.active.commit.change != change:
        raise Stale(f"this node's share of @{known.stored.name} is not of the epoch asked about: recover it first")
    return shelves.share(record)


def _known(attempt: Attempt, question: Upkeep[Any], shelves: Shelves) -> Protocol[Known]:
    """The latest epoch that any participant can prove to me; mine, where nobody is to be told anything."""
    mine = _mine(question.wanted.stored, shelves)
    if not question.restores:
        if mine is None:
            raise Stale(f"{attempt.me} holds no share of @{question.wanted.stored}", party=attempt.me)
        return mine
    said = msgspec.json.encode(mine) if mine else b"{}"
    received = yield broadcast("known", said, attempt.others)
    told = [_checked(attempt, question, shelves, message) for message in received.values()]
    found = [*([mine] if mine else []), *_believed(attempt, question, shelves, [each for each in told if each])]
    if not found:
        raise NotFound(f"too few who take part hold a share of the @{question.wanted.stored} that this node knows of")
    return max(found, key=lambda each: each.certificate.change.made.epoch)


def _believed(attempt: Attempt, question: Upkeep[Any], shelves: Shelves, told: list[Known]) -> list[Known]:
    """Of the sharing that I know, what holders that I know signed; who knows none believes so many that one is honest.

    A sharing of that name may have been before, or be made up.
    """
    shelf = shelves.find(question.wanted.stored)
    if shelf is not None and shelf[1].known is not None:
        stored, record = shelf
        return [each for each in told if each.stored == stored and record.believes(each.certificate)]
    words = Counter(each.certificate.change.digest for each in told)
    return [each for each in told if words[each.certificate.change.digest] >= _enough(attempt, each)]


def _enough(attempt: Attempt, known: Known) -> int:
    return max(attempt.liars + 1, known.certificate.change.new.threshold)


def _mine(name: str, shelves: Shelves) -> Known | None:
    found = shelves.find(name)
    if found is None or found[1].active is None or found[1].standing != "active":
        return None
    stored, record = found
    return Known(stored.encode(), record.active.commit) if record.active else None


def _checked(attempt: Attempt, question: Upkeep[Any], shelves: Shelves, message: bytes | bytearray) -> Known | None:
    """None for what proves nothing: a quorum will say what is right."""
    try:
        known = decode(message, Known, "word about a sharing")
        change = known.certificate.verify(attempt.keys, shelves.points)
        stored = known.stored
    except SteelyardError:
        return None
    right = (stored.digest.hex(), stored.id, stored.name) == (
        change.description,
        change.sharing,
        question.wanted.stored,
    )
    return known if right else None
