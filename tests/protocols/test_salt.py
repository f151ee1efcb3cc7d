"""Who guesses a vector cannot find out whether the guess is right, though a hash of each share is known to all.

k-1 shares and the right vector give every other share of it, and what a holder tells of its share gives its masks then.
So the hash would confirm the guess, but for the salt, of which everybody has its own share alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium, question
from protocols.training import Adders

from steelyard.digest import digest
from steelyard.documents.attempt import DealingHeader
from steelyard.documents.contribution import commitment
from steelyard.field import P, Vector, add, from_bytes, from_signed, scale, subtract, to_bytes, uniform
from steelyard.protocols import deal_inputs as dealing
from steelyard.protocols import secure_sum as adding
from steelyard.randomness import SystemRandomness
from steelyard.rounds import run_locally
from steelyard.sharing import seeded, shamir
from steelyard.sharing.combination import BEHIND, CHALLENGES, SALT, combine, masked

NOTHING = np.zeros(SALT, dtype=np.uint64)


def another_share(vector: Vector, salt: Vector, own: Vector, points: tuple[int, int], told: Vector, seed: bytes) -> Any:
    """At k = 2: what somebody else holds, masks and all, from a vector, its salt, my share and what is told."""
    at, to = points
    guessed = np.concatenate([vector, salt])
    theirs = add(guessed, scale(to * pow(at, -1, P) % P, subtract(own[:-CHALLENGES], guessed)))
    return to_bytes(np.concatenate([theirs, subtract(told, combine(seed, theirs))]))


def test_a_node_that_guesses_what_another_brings_to_a_sum_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    consortium, seen = Consortium(3, 2), dict[str, Any]()
    dealer = consortium.parties[0]
    (me,) = seeded.seeded_receivers(dealer, consortium.parties, 2)
    (other,) = set(consortium.parties) - {dealer, me}
    deal, accept, check = seeded.deal, dealing._accept, dealing._check

    def watched_deal(secret: Vector, who: Any, *others: Any) -> Any:
        if who == dealer:
            seen["secret"] = secret.copy()
        return deal(secret, who, *others)

    def watched_accept(attempt: Any, greeting: Any, who: Any, message: Any, size: int) -> Any:
        header, share = accept(attempt, greeting, who, message, size)
        if (attempt.me, who) == (me, dealer):
            seen.update(said=header.expect(DealingHeader).commitments[other], own=share)
        return header, share

    def watched_check(attempt: Any, greeting: Any, fixed: bytes, mine: Any, checks: Any) -> None:
        if attempt.me == me:
            at = 8 * CHALLENGES * list(greeting.dealers).index(dealer)
            told = memoryview(checks[other])[len(fixed) + at :][: 8 * CHALLENGES]
            seen.update(told=from_bytes(told, CHALLENGES), seed=digest("challenge", digest("transcript", fixed)))
        check(attempt, greeting, fixed, mine, checks)

    monkeypatch.setattr(seeded, "deal", watched_deal)
    monkeypatch.setattr(dealing, "_accept", watched_accept)
    monkeypatch.setattr(dealing, "_check", watched_check)
    totals = {party: {"sum": [1000 + at], "count": [7]} for at, party in enumerate(consortium.parties)}
    outcome = run_locally(consortium.totals(question("sum"), totals))
    assert not any(isinstance(each, Exception) for each in outcome.values()), outcome

    def hashed(salt: Vector) -> str:
        ends = (consortium.points[me], consortium.points[other])
        body = another_share(seen["secret"][:-BEHIND], salt, seen["own"], ends, seen["told"], seen["seed"])
        return dealing._commitment(dealer, other, "vector", body).hex()

    assert hashed(seen["secret"][-BEHIND:-CHALLENGES]) == seen["said"]  # who knew the salt, too, could tell
    assert hashed(NOTHING) != seen["said"]


def test_a_node_that_guesses_what_a_firm_has_contributed_cannot_tell() -> None:
    points, random, seed = (1, 4, 7), SystemRandomness(), digest("contribution-challenge", b"header")
    vector, behind = from_signed([73_219, 0, 6]), uniform(SystemRandomness(), BEHIND)
    shares = shamir.share(np.concatenate([vector, behind]), 2, list(points), random)
    said, told = commitment("ab" * 16, "bank-b", to_bytes(shares[4])), masked(seed, shares[4])

    def hashed(salt: Vector) -> str:
        return commitment("ab" * 16, "bank-b", another_share(vector, salt, shares[1], (1, 4), told, seed))

    assert hashed(behind[:SALT]) == said
    assert hashed(NOTHING) != said


def test_a_node_that_guesses_a_summand_of_training_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    adders, seen = Adders.of(3, 2), dict[str, Any]()
    dealer = adders.parties[0]
    (me,) = seeded.seeded_receivers(dealer, adders.parties, 2)
    (other,) = set(adders.parties) - {dealer, me}
    deal, said, line = adding.packed.deal, adding._Dealt._commitment, adding._Dealt._line

    def watched_deal(secrets: Any, who: Any, *others: Any) -> Any:
        if who == dealer:
            seen["secret"] = secrets[0].copy()
        return deal(secrets, who, *others)

    def watched_commitment(dealt: Any, who: Any, receiver: Any, content: Any) -> str:
        found = said(dealt, who, receiver, content)
        if (who, receiver, dealt.sums.attempt.me) == (dealer, other, dealer):
            seen.update(said=found, hashed=lambda body: said(dealt, who, receiver, body))
        return found

    def watched_line(dealt: Any, who: Any) -> bytes:
        found = line(dealt, who)
        if (dealt.sums.attempt.me, who) == (me, dealer):
            seen["own"] = dealt.shares[who]
        if (dealt.sums.attempt.me, who) == (other, dealer):
            seen.update(told=from_bytes(found[32:], CHALLENGES), seed=digest("summand-challenge", found[:32]))
        return found

    monkeypatch.setattr(adding.packed, "deal", watched_deal)
    monkeypatch.setattr(adding._Dealt, "_commitment", watched_commitment)
    monkeypatch.setattr(adding._Dealt, "_line", watched_line)
    adders.add({party: np.array([5 + at], dtype=np.int64) for at, party in enumerate(adders.parties)})

    def hashed(salt: Vector) -> str:
        ends = (adders.consortium.points[me], adders.consortium.points[other])
        body = another_share(seen["secret"][:-BEHIND], salt, seen["own"], ends, seen["told"], seen["seed"])
        return str(seen["hashed"](body))

    assert hashed(seen["secret"][-BEHIND:-CHALLENGES]) == seen["said"]
    assert hashed(NOTHING) != seen["said"]
