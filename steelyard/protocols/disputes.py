"""Who cheated, when all that is known is that of each disputing pair at least one did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from steelyard.errors import Cheated, Malformed, Unauthenticated
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.rounds import Inbox
from steelyard.sharing.robust import deviants

T = TypeVar("T")
COORDINATOR: Final = "coordinator"  # as a suspect
_HASH: Final = 32


class Disputes:
    """A graph whose edges join two parties of whom at least one cheated, and which tells the proven cheats.

    With at most `liars` cheats, a party in dispute with more than `liars` others has cheated: otherwise all of those
    others had.
    """

    def __init__(self, liars: int) -> None:
        self._liars = liars
        self._edges: set[frozenset[PartyId]] = set()
        self._proven: set[PartyId] = set()
        self._untraced = False

    def __bool__(self) -> bool:
        return bool(self._edges or self._proven or self._untraced)

    def add(self, one: PartyId, other: PartyId) -> None:
        """One of the two cheated."""
        self._edges.add(frozenset((one, other)))

    def compare(self, subjects: Sequence[PartyId], party: PartyId, mine: bytes, theirs: bytes | bytearray) -> None:
        """Digests of what each subject said, as told to me and to `party`: a difference is between those two."""
        if theirs[: len(mine)] == mine:
            return
        for index, subject in enumerate(subjects):
            at = slice(index * _HASH, (index + 1) * _HASH)
            if theirs[at] != mine[at]:
                self.add(subject, party)

    def prove(self, party: PartyId) -> None:
        self._proven.add(party)

    def note(self) -> None:
        """Somebody cheated, nobody can say who."""
        self._untraced = True

    def error(self, message: str, everybody: Iterable[PartyId] = ()) -> Cheated:
        """Names the proven cheats and the pairs left; `everybody` is suspect when not even pairs are known."""
        degree = Counter(party for edge in self._edges if len(edge) == 2 for party in edge)
        culprits = {party for party, count in degree.items() if count > self._liars} | self._proven
        culprits |= {party for edge in self._edges if len(edge) == 1 for party in edge}
        suspects = {party for edge in self._edges if not edge & culprits for party in edge}
        if not culprits and not suspects:
            suspects = set(everybody)
        return Cheated(message, culprits=sorted(culprits), suspects=sorted(suspects))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Of values that should lie on one polynomial: whose are off (holder or dealer lied), and what more is known.

    `dealer`: no so many lying holders explain it, so the dealing is bad.  `untraced`: too few values to say.
    """

    off: tuple[PartyId, ...] = ()
    dealer: bool = False
    untraced: bool = False


def judge(values: Mapping[PartyId, Vector], points: Mapping[PartyId, int], threshold: int, liars: int) -> Judgement:
    """With enough values up to `liars` lying holders can be told apart: beyond that it is the dealer's doing."""
    wrong = deviants({points[party]: each for party, each in values.items()}, threshold, liars)
    if wrong is None:
        enough = len(values) >= threshold + 2 * liars
        return Judgement(dealer=enough, untraced=not enough)
    return Judgement(tuple(party for party in points if party in values and points[party] in wrong))


def blaming(party: PartyId) -> AbstractContextManager[None]:
    """Whatever is malformed or badly signed in here came over the authenticated stream of `party`."""
    return _Blaming(party)


@dataclass(frozen=True, slots=True)
class _Blaming(AbstractContextManager[None]):
    party: PartyId

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Malformed | Unauthenticated):
            text = f"{self.party} sent what no honest party sends: {error.message}"
            raise Malformed(text, culprits=(self.party,)) from None


@contextmanager
def doubting(party: PartyId, relay: str) -> Iterator[None]:
    """Whatever is malformed or badly signed in here is said to be of `party`, but came through `relay`."""
    try:
        yield
    except (Malformed, Unauthenticated) as error:
        text = f"what {relay} relays as of {party} is not: {error.message}"
        raise Cheated(text, suspects=(relay, party)) from None


def usable(
    received: Inbox, enough: int, read: Callable[[PartyId, bytes | bytearray], T], *, no_more: bool = False
) -> dict[PartyId, T]:
    """What `read` makes of each message; one it cannot use counts as absent while there are `enough` others.

    Raises the first complaint when there are not.  With `no_more`, messages beyond enough usable ones are not read.
    """
    good: dict[PartyId, T] = {}
    complaints: list[Cheated] = []
    for party, message in received.items():
        if no_more and len(good) >= enough:
            break
        try:
            good[party] = read(party, message)
        except Cheated as complaint:
            complaints.append(complaint)
    if complaints and len(good) < enough:
        raise complaints[0]
    return good
