"""`Question`: what a requester can ask for.  A function is one file with a subclass, and its row in `catalogue`.

A question says, from the request alone, what owners' policies are asked about, what every contributor brings, what
becomes known to whom, and how the nodes get from shares of the inputs to shares of the result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Generic, TypeVar
from typing import Protocol as Interface

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from steelyard.documents.attempt import Contribution
from steelyard.documents.contribution import ContributionHeader
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector, total
from steelyard.functions.intake import Parcel
from steelyard.functions.means import Means, Unseal
from steelyard.functions.recalled import Record as Record
from steelyard.functions.selection import Cells, Selection
from steelyard.functions.take_up import TakenUp
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import longest_message
from steelyard.protocols.convene import convene
from steelyard.protocols.greet import Greeting, Inputs
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol
from steelyard.tables.filter import Filter

Values = NDArray[np.int64]
Layers = Mapping[str, Values]  # what a contributor brings, by name, in minor units
A = TypeVar("A", bound="Selection")

_COMPARED: Final = 3  # comparisons of a cell in one round
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,6})?\Z")]  # in units, as people write it


class Leak(msgspec.Struct, frozen=True):
    """One value and who learns it."""

    what: str
    to: str


class Table(Interface):
    """One party's rows of the dataset, at the version it contributes; raises what `node.datasets` raises."""

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Values, Values]:
        """Per filter the exact sum in minor units and the number of rows."""

    def counts(self, filters: Sequence[Filter]) -> Values:
        """Per filter the number of rows."""

    def values(self, column: str, where: Filter) -> Values:
        """(rows selected,) in minor units, in the file's order."""

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        """(rows selected,) of a text column."""

    def has(self, column: str) -> bool:
        """Whether there is such a column."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a node holds once the inputs are fixed and a quorum has signed who contributed."""

    attempt: Attempt
    greeting: Greeting
    shares: Mapping[PartyId, Vector] = field(
        repr=False
    )  # contributor, in one order everywhere -> my share of what it brought
    transcript: str = ""  # hex digest of all that was said and dealt
    taken: TakenUp | None = None  # contributions of others than the participants, whose shares are among `shares`
    brought: Layers | None = field(default=None, repr=False)  # by me, where the question is `local`
    noise: Callable[[str], Randomness] | None = field(default=None, repr=False)  # the same for the same input set
    means: Means = field(default_factory=Means, repr=False)
    _circles: list[Circle] = field(default_factory=list, repr=False)

    def sum(self) -> Vector:
        """My share of the sum of all that was brought; only where all bring the same cells."""
        return total(list(self.shares.values()))

    def circle(self) -> Protocol[Circle]:
        """Those who multiply and compare; raises PolicyRefused when they are too few."""
        if not self._circles:
            self._circles.append((yield from convene(self.attempt, self.greeting.keys)))
        return self._circles[0]

    def holding(self, shares: Mapping[PartyId, Vector]) -> Held:
        """The same with other shares."""
        return replace(self, shares=shares)


@dataclass(frozen=True, slots=True)
class Released:
    """My share of what the requester gets."""

    share: Vector = field(repr=False)
    suppressed: tuple[int, ...] = ()  # cells that are left out
    attachment: bytes = field(default=b"", repr=False)  # for the requester alone, from this node alone


@dataclass(frozen=True, slots=True)
class Opening:
    """What the requester has opened."""

    values: Values = field(repr=False)
    suppressed: tuple[int, ...]
    decimals: tuple[int, ...]  # of the question's columns
    contributions: Sequence[Contribution]
    threshold: int
    request: str = ""  # hex digest of the signed request
    keys: Mapping[PartyId, Ed25519PublicKey] = field(default_factory=dict, repr=False)  # that the parties sign with
    unseal: Unseal | None = field(default=None, repr=False)  # what the requester has sealed to itself

    def rows(self, layers: int, cells: int) -> Values:
        """(layers, cells that are not suppressed); raises Malformed for a result of another size."""
        kept = cells - len(self.suppressed)
        if kept < 0 or self.values.size != kept * layers or any(not 0 <= c < cells for c in self.suppressed):
            raise Malformed("a result of the wrong size")
        return self.values.reshape(layers, kept)


@dataclass(frozen=True, slots=True)
class Question(ABC, Generic[A]):
    """One question with its checked arguments."""

    function: str
    wanted: A

    @property
    def allowed_as(self) -> str:
        """The function's name in owners' policies."""
        return self.function

    @property
    def epsilon(self) -> float:
        """What the result spends of the privacy budget; 0 for an exact one."""
        return 0.0

    @property
    def delta(self) -> float:
        """With what probability the promise of epsilon may fail; 0 for never."""
        return 0.0

    @property
    def curve(self) -> tuple[float, ...]:
        """What a result with a delta costs at most, as `steelyard.privacy.renyi` counts."""
        return ()

    @property
    def trainer(self) -> str:
        """The name of the program of an owner's own that trains on its rows; empty for this one."""
        return ""

    @property
    def noted(self) -> Mapping[str, str]:
        """What the owners' audit logs say of it besides who asks what."""
        return {}

    @property
    def searches(self) -> bool:
        """Whether asking again with other limits closes in on a secret: such questions are counted."""
        return False

    @property
    def releases(self) -> bool:
        """Whether a figure comes out of the data, which ledgers then remember."""
        return True

    @property
    def waits(self) -> bool:
        """Whether it waits for the disk, and perhaps for others' votes: never on an event loop."""
        return False

    @property
    def purpose(self) -> str:
        """Of the contributions (steelyard.functions.intake) that count beside what parties deal; empty for none.

        Such a question `waits`.
        """
        return ""

    @property
    def contributed(self) -> bool:
        """Whether all data are contributions: what parties with a node hold under the dataset's name has no part."""
        return False

    @property
    def most(self) -> int | None:
        """How many contributors without a node it can take; None for any number."""
        return None

    @property
    def restores(self) -> bool:
        """Whether nodes without a share of the stored sharing take part, to be given one."""
        return False

    @property
    def stores(self) -> bool:
        """Whether what is brought stays with the nodes: its owners say on which terms."""
        return False

    @property
    def shares(self) -> int:
        """How many shares are to reconstruct what is stored from now on; 0 where that does not change."""
        return 0

    @property
    def parts(self) -> bool:
        """Whether the result is about single parties' parts: beside a total over the same data it may show them."""
        return False

    @property
    def consented(self) -> bool:
        """Whether every figure is one contributor's own, let out by its own consent: minimum groups, which hide a party
        in a total, protect nobody then.
        """
        return False

    @property
    def among(self) -> str:
        """Whom a mean is over, where the asker chooses: the year (0 for none), and a digest of the choice."""
        return ""

    @property
    def own(self) -> bool:
        """Whether all that comes out is each contributor's own part, told to it alone: nothing is left to subtract from
        what an earlier result was over.  Minimum groups hold.
        """
        return False

    @property
    def optional(self) -> frozenset[str]:
        """Columns that a contributor may lack."""
        return frozenset()

    @property
    def multiplies(self) -> bool:
        """Whether the nodes must multiply or compare: that takes 2k-1 of them."""
        return False

    @property
    def unanimous(self) -> bool:
        """Whether all parties of the manifest must take part, whatever the requester allows."""
        return False

    @property
    def local(self) -> bool:
        """Whether a node works on with its own rows after the inputs are fixed: that takes time, and a thread."""
        return False

    @property
    def private(self) -> bool:
        return self.epsilon > 0

    def rows(self, table: Table) -> int:
        """How many rows this party announces to deal, padding included; 0 when what it deals does not depend on it."""
        return 0

    @abstractmethod
    def values(self, rows: int) -> int:
        """How many field elements a contributor deals who announced so many rows."""

    @abstractmethod
    def bring(self, table: Table, rows: int) -> Layers:
        """What one party brings; raises Invalid, Conflict, NotFound."""

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        """(values,) to be dealt; `noise` is the same stream for the same input set."""
        return np.concatenate(list(brought.values()))

    def held_as(self, call: str) -> str:
        """The name under which its contributions are held; `call` is the hex digest of what the requester signed."""
        return self.wanted.dataset

    def takes(self, header: ContributionHeader) -> bool:
        """Whether a contribution of its purpose is for this question."""
        return True

    def taken(self, parcel: Parcel) -> tuple[Contribution, Vector]:
        """A contributor's part in the input set, and my share of what a party would have dealt in its place."""
        raise Invalid(f"{self.function} takes no contributions")

    def checked(self, parcel: Parcel) -> Vector:
        """What of a contributor's share is checked as a sharing over the field, its masks at the end."""
        return parcel.share

    def earlier(self, attempt: Attempt, means: Means) -> Inputs | None:
        """Inputs of before: of an attempt whose end nobody heard of, or of the computation that is asked about."""
        return None

    def recall(self, held: Held, records: Mapping[PartyId, Record]) -> Protocol[Mapping[PartyId, Vector]]:
        """My shares of what every contributor would have dealt, from what it dealt when the sharing was stored."""
        yield from ()  # a protocol, though of no round
        return {party: self.recalled(record, held.greeting) for party, record in records.items()}

    def recalled(self, record: Record, greeting: Greeting) -> Vector:
        """One contributor's, where it takes no round; raises Invalid where it cannot be had."""
        raise Invalid(f"{self.function} takes fresh data, no stored sharing")

    @abstractmethod
    def release(self, held: Held) -> Protocol[Released]:
        """From shares of the inputs to a share of the result."""

    @abstractmethod
    def figures(self, opened: Opening) -> dict[str, Any]:
        """The result as JSON: money as exact decimal strings.  Raises Malformed for a result that cannot be."""

    def open_attachments(self, attachments: Mapping[PartyId, bytes], opened: Opening) -> dict[str, Any]:
        """As `figures`, where nodes add something of their own to their shares; raises Cheated, PartyMissing, too."""
        return self.figures(opened)

    def vector(self, opened: Opening) -> Values | None:
        """The result as a vector, where it is one."""
        return None

    @abstractmethod
    def released(self) -> str:
        """For the leakage statement: what the requester learns."""

    def leaks(self) -> Sequence[Leak]:
        """For the leakage statement: what else becomes known, beyond what every computation shows."""
        return ()

    def longest(self, participants: int, contributors: int = 0) -> int:
        """Bytes of the longest message of `release`, whatever the number of rows.

        `contributors` are those of the stored sharing that is asked about, 0 for data that the participants deal now.
        """
        cells = len(self.wanted.groups) if isinstance(self.wanted, Cells) else 1
        return longest_message(_COMPARED * max(cells, 1), participants)
