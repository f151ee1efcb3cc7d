"""Greeting: all participants learn that they were asked the same, and get each other's fresh keys.

Model       malicious: a hello is signed; a coordinator that asks two nodes different things is found out here.
Rounds      1.   Sends one signed document to everybody.
Reveals     to all participants: who contributes, data version ids, decimals and declared bounds, minimums.
Follows     signed, fresh Diffie-Hellman keys (SIGMA, Krawczyk 2003), for all pairs at once; docs/documents.md.
Differs     nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steelyard.documents.attempt import Contribution, Hello
from steelyard.documents.signed import from_wire, sign, to_wire
from steelyard.errors import Cheated, GroupTooSmall, Invalid, NotFound
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing.attempt_keys import AttemptKeys


@dataclass(frozen=True, slots=True)
class Offer:
    """What this node brings into the computation and what its owner insists on."""

    contributes: bool
    version: str = ""
    decimals: int = 0
    bound: int = 0
    minimum_rows: int = 0
    minimum_group: int = 0


@dataclass(frozen=True, slots=True)
class Greeting:
    """All hellos, checked, and the pairwise keys made from them."""

    hellos: Mapping[PartyId, Hello]
    digests: Mapping[PartyId, bytes]  # of the signed hellos, to be compared later
    keys: AttemptKeys
    contributors: tuple[PartyId, ...]
    least_group: int  # the manifest's

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        heard = [(party, self.hellos[party]) for party in self.contributors]
        return tuple(Contribution(party, hello.version, hello.decimals, hello.bound) for party, hello in heard)

    @property
    def decimals(self) -> int:
        return self.hellos[self.contributors[0]].decimals

    @property
    def bound(self) -> int:
        """The largest declared |value| of a row at any contributor; 0 when somebody declared none."""
        bounds = [self.hellos[party].bound for party in self.contributors]
        return max(bounds) if all(bounds) else 0

    @property
    def minimum_group(self) -> int:
        """The largest anybody insists on, the manifest among them."""
        return max([self.least_group, *(hello.minimum_group for hello in self.hellos.values())])

    @property
    def minimum_rows(self) -> int:
        return max(hello.minimum_rows for hello in self.hellos.values())


def greet(attempt: Attempt, offer: Offer, keys: AttemptKeys) -> Protocol[Greeting]:
    # 1. A fresh key and nonce for this attempt, signed together with what I was asked.
    hello = _hello(attempt, offer, keys)
    mine = sign(hello, attempt.me, attempt.signing)
    received = yield broadcast("hello", to_wire(mine), attempt.others)
    # 2. Everybody must have been asked the same, for the same attempt, with the same participants.
    signed, hellos = {attempt.me: mine}, {attempt.me: hello}
    for party in attempt.others:
        with blaming(party):
            signed[party] = from_wire(received[party])
            hellos[party] = signed[party].open(Hello, {party: attempt.keys[party]})
            keys.agree(party, bytes.fromhex(hellos[party].key), bytes.fromhex(hellos[party].nonce))
        _check_same_question(attempt, party, hellos[party])
    # 3. Enough contributors for the manifest and for every owner, and one scale.
    contributors = tuple(party for party in attempt.participants if hellos[party].contributes)
    digests = {party: each.digest for party, each in signed.items()}
    greeting = Greeting(hellos, digests, keys, contributors, attempt.minimum_group)
    _check_group(greeting)
    return greeting


def _hello(attempt: Attempt, offer: Offer, keys: AttemptKeys) -> Hello:
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
        version=offer.version,
        decimals=offer.decimals,
        bound=offer.bound,
        minimum_rows=offer.minimum_rows,
        minimum_group=offer.minimum_group,
    )


def _check_same_question(attempt: Attempt, party: PartyId, hello: Hello) -> None:
    told = (hello.party, hello.computation, hello.attempt, hello.request, hello.manifest, hello.participants)
    mine = (party, attempt.computation, attempt.attempt, attempt.request, attempt.manifest, attempt.participants)
    if told != mine:
        raise Cheated(
            f"{party} was asked something else than {attempt.me} under the same computation",
            suspects=("coordinator", party),
        )


def _check_group(greeting: Greeting) -> None:
    contributors = greeting.contributors
    if not contributors:
        raise NotFound("no party holds this dataset")
    if len(contributors) < greeting.minimum_group:
        raise GroupTooSmall(f"{len(contributors)} parties would contribute; at least {greeting.minimum_group} must")
    if len({greeting.hellos[party].decimals for party in contributors}) > 1:
        raise Invalid("the parties declare different decimals for this column; agree on one schema and import again")
