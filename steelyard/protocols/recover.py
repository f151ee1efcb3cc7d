"""Recovery: the others rebuild the share that a holder lost, and only that holder learns it.

Model       malicious, at most b helpers; private authenticated channels; at least k helpers.
Rounds      4 for every 2^18 values.   Sends n-k vectors per helper, a few elements, its masked share to the holder.
Reveals     to the holder its own share.
Follows     Herzberg, Jarecki, Krawczyk, Yung 1995: helpers add polynomials that vanish at the lost point.
Differs     the commit certificate of the epoch holds a digest of the lost share: with it any k good helpers are found,
            however many others lie; without it (who was absent from the last refresh) k+b must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Final

import numpy as np

from steelyard.epochs.change import Slot, share_digest
from steelyard.errors import Cheated, Invalid
from steelyard.field import Vector, add, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.deal_random import deal_random
from steelyard.protocols.disputes import usable
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme
from steelyard.protocols.units import about, units
from steelyard.randomness import token
from steelyard.rounds import Protocol, Round
from steelyard.sharing.combination import combine
from steelyard.sharing.polynomials import Code
from steelyard.sharing.shamir import evaluate

_BLIND: Final = "blind"
_TRIES: Final = 20_000  # subsets of helpers: 31 nodes can be grouped in more ways than anybody waits for


@dataclass(frozen=True, slots=True)
class Loss:
    """Whose share of which epoch is rebuilt.  `certificate`: digest of the Commit that made it."""

    party: PartyId
    point: int
    threshold: int
    slot: Slot
    certificate: str
    size: int  # values, padding included
    digest: str = ""  # of the lost share, if the certificate has it
    liars: int = 0  # helpers that are reckoned to lie where it has not


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`liars`: helpers whose shares are proven wrong; their own shares need recovery."""

    share: Vector = field(repr=False)
    digest: str
    liars: tuple[PartyId, ...]


def recover(
    attempt: Attempt,
    greeting: Greeting,
    loss: Loss,
    share: Vector | None,
) -> Protocol[Rebuilt | None]:
    """`share`: mine of that epoch, None at who lost it, who alone has an output.  Raises Cheated or Invalid.

    Participants are the helpers and who lost its share.  A dealing is opened only while my share has not left.
    """
    helpers = {party: point for party, point in attempt.points.items() if party != loss.party}
    if len(helpers) < loss.threshold:
        raise Invalid(f"a recovery takes {loss.threshold} helpers, there are {len(helpers)}")
    pieces: list[Mapping[PartyId, Vector]] = []
    for unit, name in units(loss.size):
        # 1. Helpers deal polynomials that vanish at the lost point.
        context = about(loss.certificate, f"recover {loss.party}", name)
        blind = Code(_BLIND, helpers, loss.threshold, unit.stop - unit.start, anchor=loss.point)
        scheme = Scheme(context, attempt.attempt, tuple(helpers), (blind,))
        dealt = yield from deal_random(attempt, greeting, scheme)
        # 2. Each sends its share, moved by their sum, to who lost its own.
        pieces.append((yield from _deliver(attempt, loss, helpers, unit, share, dealt.shares.get(_BLIND))))
    if attempt.me != loss.party:
        return None
    # 3. The polynomials through the helpers' values give the lost share at its point.
    heard = set(helpers).intersection(*pieces)
    return _rebuild(attempt, loss, helpers, {p: np.concatenate([piece[p] for piece in pieces]) for p in sorted(heard)})


def _deliver(
    attempt: Attempt,
    loss: Loss,
    helpers: Mapping[PartyId, int],
    unit: slice,
    share: Vector | None,
    blind: Vector | None,
) -> Protocol[Mapping[PartyId, Vector]]:
    if share is not None and blind is not None:
        yield Round("deliver", {loss.party: to_bytes(add(share[unit], blind))}, frozenset())
        return {}
    received = yield Round("deliver", {}, frozenset(helpers), loss.threshold)
    length = unit.stop - unit.start
    return usable(received, loss.threshold, lambda party, message: from_bytes(message, length))


def _rebuild(attempt: Attempt, loss: Loss, helpers: Mapping[PartyId, int], heard: Mapping[PartyId, Vector]) -> Rebuilt:
    seed = token()
    prints = {party: combine(seed, vector) for party, vector in heard.items()}
    for group in _groups(prints, helpers, loss):
        agreeing = _agreeing(prints, helpers, group)
        sure = len(agreeing) >= loss.threshold + loss.liars
        if not loss.digest and not sure:
            continue
        share = evaluate({helpers[party]: heard[party] for party in group}, loss.point)
        found = share_digest(loss.slot, loss.party, to_bytes(share))
        if not loss.digest or found == loss.digest:
            return Rebuilt(share, found, tuple(sorted(set(heard) - agreeing)) if sure else ())
    raise Cheated("no k helpers' values give the lost share", suspects=sorted(heard))


def _groups(
    prints: Mapping[PartyId, Vector], helpers: Mapping[PartyId, int], loss: Loss
) -> Iterator[tuple[PartyId, ...]]:
    """k helpers for each value that the lost share might have, the one that most groups agree on first."""
    found: dict[bytes, list[tuple[PartyId, ...]]] = {}
    for group in islice(combinations(sorted(prints), loss.threshold), _TRIES):
        value = to_bytes(evaluate({helpers[party]: prints[party] for party in group}, loss.point))
        found.setdefault(value, []).append(group)
    return (groups[0] for groups in sorted(found.values(), key=len, reverse=True))


def _agreeing(
    prints: Mapping[PartyId, Vector], helpers: Mapping[PartyId, int], group: tuple[PartyId, ...]
) -> frozenset[PartyId]:
    """All who are on the polynomial of the group."""
    basis = {helpers[party]: prints[party] for party in group}
    return frozenset(party for party in prints if np.array_equal(evaluate(basis, helpers[party]), prints[party]))
