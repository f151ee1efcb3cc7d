"""Greeting: all participants learn that they were asked the same, and get each other's fresh keys.

Model       malicious: a hello is signed; a coordinator that asks two nodes different things is found out here.
Rounds      1, or 0 when the coordinator has relayed the hellos.   Sends one signed document to everybody.
Reveals     to all participants, and to a coordinator that relays: who contributes, data version ids, decimals and
            declared bounds, minimums.
Follows     signed, fresh Diffie-Hellman keys (SIGMA, Krawczyk 2003), for all pairs at once; docs/documents.md.
Differs     a relay can withhold hellos or mix them up, no more: each names its attempt and is signed, and their digests
            are compared between the nodes with the dealings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from steelyard.documents.attempt import Contribution, Hello
from steelyard.documents.signed import Signed, from_wire, sign, to_wire
from steelyard.documents.terms import Terms
from steelyard.errors import Cheated, Conflict, GroupTooSmall, Invalid, Malformed, NotFound
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import COORDINATOR, blaming, doubting
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.attempt_keys import AttemptKeys


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs that are shared already: whose, and whether they are known to be enough rows for `minimum_rows`."""

    contributions: tuple[Contribution, ...]
    enough: bool
    minimum_rows: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What this node brings into the computation and what its owner insists on."""

    contributes: bool
    stored: str = ""  # hex digest of the epoch of a stored sharing that is asked about
    version: str = ""
    decimals: tuple[int, ...] = ()
    bounds: tuple[int, ...] = ()
    rows: int = 0
    enough: bool = False
    minimum_rows: int = 0
    minimum_group: int = 0
    dropouts: bool = False
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True)
class Introduction:
    """My signed hello of one attempt, and the fresh keys that it announces; `keys.erase()` when nothing comes of it."""

    offer: Offer
    hello: Hello
    signed: Signed
    keys: AttemptKeys = field(repr=False)


@dataclass(frozen=True, slots=True)
class Greeting:
    """All hellos, checked, and the pairwise keys made from them."""

    hellos: Mapping[PartyId, Hello]
    digests: Mapping[PartyId, bytes]  # of the signed hellos, to be compared later
    keys: AttemptKeys
    contributions: tuple[Contribution, ...]
    least_group: int  # the manifest's
    stored: Inputs | None = None

    @property
    def contributors(self) -> tuple[PartyId, ...]:
        return tuple(PartyId(each.party) for each in self.contributions)

    @property
    def dealers(self) -> tuple[PartyId, ...]:
        """The participants among the contributors; who has no node has dealt before."""
        return tuple(party for party in self.contributors if party in self.hellos and not self.stored)

    @property
    def rows(self) -> Mapping[PartyId, int]:
        """That each contributor deals, padding included."""
        return {PartyId(each.party): each.rows for each in self.contributions}

    @property
    def decimals(self) -> tuple[int, ...]:
        """Of the question's columns, the same at all contributors."""
        return self.contributions[0].decimals

    @property
    def bound(self) -> int:
        """The largest declared |value| of a row in the first column at any contributor; 0 when somebody has none."""
        bounds = [each.bounds[0] for each in self.contributions]
        return max(bounds) if all(bounds) else 0

    @property
    def minimum_group(self) -> int:
        """The largest anybody insists on, the manifest among them."""
        return max([self.least_group, *(hello.minimum_group for hello in self.hellos.values())])

    @property
    def dropouts(self) -> bool:
        """Whether every contributor's owner allows exact training to go on without those who drop out."""
        return all(self.hellos[party].dropouts for party in self.dealers)

    @property
    def latest_ms(self) -> int:
        """The latest clock of all, and so never before mine."""
        return max(hello.time_ms for hello in self.hellos.values())

    @property
    def minimum_rows(self) -> int:
        return max(hello.minimum_rows for hello in self.hellos.values())

    @property
    def enough(self) -> bool:
        """Whether it is known beforehand that all rows together are enough, of enough parties."""
        if self.stored:
            return self.stored.enough and self.minimum_rows <= self.stored.minimum_rows
        if self.dealers != self.contributors:
            return False  # how many rows somebody without a node has dealt is not known
        contributors = [self.hellos[party] for party in self.contributors]
        return all(hello.enough for hello in contributors) and self.minimum_rows <= max(
            hello.minimum_rows for hello in contributors
        )


def introduce(attempt: Attempt, offer: Offer, now_ms: int = 0) -> Introduction:
    """A fresh key and nonce for this attempt, signed together with what I was asked.  At most once per attempt."""
    keys = AttemptKeys(attempt.me, bytes.fromhex(attempt.manifest), attempt.computation, attempt.attempt)
    hello = _hello(attempt, offer, keys, now_ms)
    return Introduction(offer, hello, sign(hello, attempt.me, attempt.signing), keys)


def greet(
    attempt: Attempt,
    mine: Introduction,
    relayed: Mapping[PartyId, Signed] | None = None,
    stored: Inputs | None = None,
) -> Protocol[Greeting]:
    """`relayed`: the others' hellos, when the coordinator has brought them; nobody is blamed then for a forgery.

    `stored`: the inputs, where they are shared already and nobody brings any.
    """
    greeting = yield from meet(attempt, mine, relayed)
    # 3. Enough contributors for the manifest and for every owner, and one scale; of what is stored, one epoch.
    if stored:
        greeting = replace(greeting, contributions=stored.contributions, stored=stored)
        _check_epoch(attempt, greeting)
    check_group(greeting)
    return greeting


def joined(greeting: Greeting, contributions: Iterable[Contribution]) -> Greeting:
    """With those of contributors without a node behind the participants' own; raises as `greet` does."""
    more = replace(greeting, contributions=(*greeting.contributions, *contributions))
    check_group(more)
    return more


def meet(attempt: Attempt, mine: Introduction, relayed: Mapping[PartyId, Signed] | None = None) -> Protocol[Greeting]:
    """As `greet`, where nobody need contribute anything."""
    # 1. Everybody's hello: relayed, or exchanged now.
    if relayed is None:
        received = yield broadcast("hello", to_wire(mine.signed), attempt.others)
    signed, hellos = {attempt.me: mine.signed}, {attempt.me: mine.hello}
    # 2. Everybody must have been asked the same, for the same attempt, with the same participants.
    for party in attempt.others:
        if relayed is None:
            with blaming(party):
                signed[party] = from_wire(received[party])
                hellos[party] = _opened(attempt, party, signed[party])
        else:
            signed[party] = relayed[party]
            with doubting(party, COORDINATOR):
                hellos[party] = _opened(attempt, party, signed[party])
        _check_same_question(attempt, party, hellos[party])
        with blaming(party):
            _check_columns(party, hellos[party])
            mine.keys.agree(party, bytes.fromhex(hellos[party].key), bytes.fromhex(hellos[party].nonce))
    contributions = tuple(_contributions(attempt, hellos))
    digests = {party: each.digest for party, each in signed.items()}
    return Greeting(hellos, digests, mine.keys, contributions, attempt.minimum_group)


def _contributions(attempt: Attempt, hellos: Mapping[PartyId, Hello]) -> Iterator[Contribution]:
    for party in attempt.participants:
        hello = hellos[party]
        if hello.contributes:
            yield Contribution(party, hello.version, hello.decimals, hello.bounds, hello.rows)


def _opened(attempt: Attempt, party: PartyId, signed: Signed) -> Hello:
    return signed.open(Hello, {party: attempt.keys[party]})


def _hello(attempt: Attempt, offer: Offer, keys: AttemptKeys, now_ms: int) -> Hello:
    return Hello(
        computation=attempt.computation,
        attempt=attempt.attempt,
        request=attempt.request,
        manifest=attempt.manifest,
        party=attempt.me,
        participants=attempt.participants,
        key=keys.public.hex(),
        nonce=keys.nonce.hex(),
        contributes=offer.contributes,
        stored=offer.stored,
        version=offer.version,
        decimals=offer.decimals,
        bounds=offer.bounds,
        rows=offer.rows,
        enough=offer.enough,
        minimum_rows=offer.minimum_rows,
        minimum_group=offer.minimum_group,
        dropouts=offer.dropouts,
        terms=offer.terms,
        time_ms=now_ms,
    )


def _check_same_question(attempt: Attempt, party: PartyId, hello: Hello) -> None:
    told = (hello.party, hello.computation, hello.attempt, hello.request, hello.manifest, hello.participants)
    mine = (party, attempt.computation, attempt.attempt, attempt.request, attempt.manifest, attempt.participants)
    if told != mine:
        raise Cheated(
            f"{party} was asked something else than {attempt.me} under the same computation",
            suspects=(COORDINATOR, party),
        )


def _check_columns(party: PartyId, hello: Hello) -> None:
    if len(hello.decimals) != len(hello.bounds) or hello.contributes != bool(hello.decimals):
        raise Malformed(f"{party} says nothing, or too much, about the columns it brings", culprits=(party,))


def _check_epoch(attempt: Attempt, greeting: Greeting) -> None:
    mine = greeting.hellos[attempt.me].stored
    for party in attempt.others:
        if greeting.hellos[party].stored != mine:
            told = f"{party} holds another epoch of this sharing than {attempt.me}"
            raise Conflict(f"{told}: one of them is to be recovered")


def check_group(greeting: Greeting) -> None:
    """Raises NotFound, GroupTooSmall, or Invalid naming who has other decimals than the first contributor."""
    contributors = greeting.contributors
    if not contributors:
        raise NotFound(
            "nobody has brought this dataset: no party holds it, and no contributor's has arrived everywhere"
        )
    if len(contributors) < greeting.minimum_group:
        raise GroupTooSmall(f"{len(contributors)} parties would contribute; at least {greeting.minimum_group} must")
    odd = [each.party for each in greeting.contributions if each.decimals != greeting.decimals]
    if odd:
        told = f"{', '.join(odd[:5])} and {contributors[0]} declare different decimals for this column"
        raise Invalid(f"{told}; agree on one schema, then import or contribute again")
