"""`Circle`: the parties that multiply and compare together, as one lane of computation at one party sees them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any, TypeVar
from zlib import crc32

from steelyard import bitfield
from steelyard.errors import Invalid, PolicyRefused
from steelyard.ids import PartyId
from steelyard.randomness import Keystream
from steelyard.sharing.streams import Streams

T = TypeVar("T")


class Circle:
    """k of n parties and the streams of one lane; protocols of one lane run one after another.

    `points` are the manifest's, over GF(p); over GF(2^m) a party's point is its position in `parties`, from 1.
    """

    def __init__(
        self,
        me: PartyId,
        parties: tuple[PartyId, ...],
        points: Mapping[PartyId, int],
        threshold: int,
        streams: Streams,
        lane: str = "",
    ) -> None:
        if me not in parties or set(parties) != set(points):
            raise Invalid("a circle is of its parties, and I am one of them")
        if len(parties) < 2 * threshold - 1:
            raise PolicyRefused(
                f"{threshold} of {len(parties)} parties can add up but not multiply or compare:"
                f" that takes {2 * threshold - 1} parties, or a lower threshold"
            )
        self.me = me
        self.parties = parties
        self.points = points
        self.threshold = threshold
        self.lane = lane
        self._turn = crc32(lane.encode()) % len(parties)
        self._streams = streams
        self._open: dict[tuple[str, PartyId, frozenset[PartyId]], Keystream] = {}
        self._asides = 0
        self._made: dict[Hashable, Any] = {}

    @property
    def n(self) -> int:
        return len(self.parties)

    @cached_property
    def m(self) -> int:
        """The degree of the field of bits."""
        return bitfield.degree(self.n)

    @cached_property
    def others(self) -> frozenset[PartyId]:
        return frozenset(self.parties) - {self.me}

    @cached_property
    def adders(self) -> tuple[PartyId, ...]:
        """k parties, whose weighted shares add up to the secret."""
        return self.parties[: self.threshold]

    @cached_property
    def first(self) -> tuple[PartyId, ...]:
        """2k-1 parties that could multiply, the adders among them: for what only those know in part."""
        return self.parties[: 2 * self.threshold - 1]

    @property
    def multipliers(self) -> tuple[PartyId, ...]:
        """2k-1 parties, whose weighted products add up to the product; others at every turn.

        So all have the same work, and nobody gets ahead of a slow party by more rounds than it takes to come to it.
        """
        return self._rota[self._turn % self.n]

    @cached_property
    def _rota(self) -> tuple[tuple[PartyId, ...], ...]:
        count = 2 * self.threshold - 1
        turns = ({(turn * count + step) % self.n for step in range(count)} for turn in range(self.n))
        return tuple(tuple(each for at, each in enumerate(self.parties) if at in turned) for turned in turns)

    def turn(self) -> None:
        """To be called when the multipliers have dealt."""
        self._turn += 1

    def position(self, party: PartyId) -> int:
        return self._positions[party]

    @cached_property
    def _positions(self) -> dict[PartyId, int]:
        return {party: position for position, party in enumerate(self.parties, start=1)}

    def branch(self, name: str | int) -> Circle:
        """The same parties in another lane, whose streams have nothing to do with this one's."""
        return Circle(self.me, self.parties, self.points, self.threshold, self._streams, f"{self.lane}/{name}")

    def aside(self) -> Circle:
        """A branch that was never there before, for all parties that ask for one at the same point."""
        self._asides += 1
        return self.branch(f"aside {self._asides}")

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, which is made for this lane once: thousands of rounds ask for the same."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def stream(self, kind: str, dealer: PartyId, receivers: frozenset[PartyId]) -> Keystream:
        """The stream of `dealer` and `receivers` in this lane, where it stands."""
        key = (kind, dealer, receivers)
        if key not in self._open:
            self._open[key] = self._streams.open(kind, self.lane, dealer, receivers)
        return self._open[key]
