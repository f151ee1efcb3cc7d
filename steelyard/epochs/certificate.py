"""Certificates: what proves to anybody, whoever relays it, that a change is committed or given up.

* `Commit`: every voter's Prepared, all of one transcript and one set of checks.
* `Abort`: (a) b+1 voters' Aborted, one of them honest, so that no Commit exists; or (b) Unlocked or Aborted of a quorum
  of those who hold the base: k honest nodes keep it.  With (b) a Commit may exist somewhere; the Abort then wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelyard.documents.signed import Signed, read
from steelyard.epochs.change import Change
from steelyard.epochs.committee import Committee
from steelyard.epochs.votes import Aborted, Prepared, Unlocked
from steelyard.errors import Cheated, Malformed, SteelyardError, Unauthenticated

Keys = Mapping[str, Ed25519PublicKey]
Vote = Prepared | Aborted | Unlocked
KINDS: Final[dict[str, type[Vote]]] = {each.KIND: each for each in (Prepared, Aborted, Unlocked)}


class _Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    terms: bytes  # the exact bytes of the change
    votes: tuple[Signed, ...]

    @property
    def change(self) -> Change:
        return _read(self.terms)


class Commit(_Certificate, frozen=True, tag=True):
    def verify(self, keys: Keys, manifest: Mapping[str, int]) -> Change:
        """The change, which is committed; raises Unauthenticated, Malformed or Invalid otherwise."""
        change = self.change
        change.check(manifest)
        votes = opened(change, self.votes, keys, Prepared)
        if not unanimous(change, votes):
            raise Unauthenticated("not all voters prepared the same change with the same checks")
        return change

    @property
    def digests(self) -> dict[str, str]:
        """Of each new holder's share; of nobody who did not vote."""
        prepared = {signed.signer: signed.expect(Prepared).share for signed in self.votes}
        return {party: share for party, share in prepared.items() if share}


class Abort(_Certificate, frozen=True, tag=True):
    def verify(self, keys: Keys, manifest: Mapping[str, int]) -> Change:
        """The change, which is given up; raises as `Commit.verify`."""
        change = self.change
        change.check(manifest)
        votes = opened(change, self.votes, keys, Aborted, Unlocked)
        if not gives_up(change, votes):
            raise Unauthenticated("too few voters gave this change up")
        return change


Certificate = Commit | Abort


@lru_cache(maxsize=256)
def _read(terms: bytes) -> Change:
    return read(Change, terms)


def opened(change: Change, votes: Iterable[Signed], keys: Keys, *kinds: type[Vote]) -> dict[str, Vote]:
    """Votes of voters on exactly this change, of these kinds, one of each voter; anything else is refused."""
    found: dict[str, Vote] = {}
    expected = (change.sharing, change.attempt, change.digest)
    for signed in votes:
        if KINDS.get(signed.kind) not in kinds or signed.signer not in change.voters or signed.signer in found:
            raise Unauthenticated("a vote of another kind, of somebody who has none, or a second one")
        found[signed.signer] = _open(signed, keys, expected)
    return found


def _open(signed: Signed, keys: Keys, expected: tuple[str, str, str]) -> Vote:
    kind = KINDS.get(signed.kind)
    if kind is None:
        raise Unauthenticated("this is no vote")
    vote = signed.open(kind, keys)
    if (vote.sharing, vote.attempt, vote.change) != expected:
        raise Unauthenticated(f"{signed.signer} voted on something else")
    return vote


def unanimous(change: Change, votes: Mapping[str, Vote]) -> bool:
    """Whether these commit: every voter prepared, over the same dealings and checks, holding a share if it is to."""
    prepared = {party: vote for party, vote in votes.items() if isinstance(vote, Prepared)}
    same = len({(vote.transcript, vote.checks) for vote in prepared.values()}) == 1
    held = all(bool(vote.share) == (party in change.new.points) for party, vote in prepared.items())
    return set(prepared) == set(change.voters) and same and held


def gives_up(change: Change, votes: Mapping[str, Vote]) -> bool:
    """Whether these abort: one honest voter never prepared, or a quorum keeps the base."""
    aborted = [party for party, vote in votes.items() if isinstance(vote, Aborted)]
    keeping = [party for party, vote in votes.items() if not isinstance(vote, Prepared) and party in change.keepers]
    return len(aborted) > change.liars or len(keeping) >= change.giving_up


def decide(change: Change, votes: Iterable[Signed], keys: Keys) -> Certificate | None:
    """The certificate that is in these votes, however they came here, if there is one; votes that are none are skipped.

    A Commit is preferred, since an Abort could only exist beside it by somebody's double vote or after an unlocking.
    """
    good: dict[tuple[str, str], tuple[Signed, Vote]] = {}
    expected = (change.sharing, change.attempt, change.digest)
    for signed in votes:
        with suppress(SteelyardError):
            if signed.signer in change.voters:
                good.setdefault((signed.signer, signed.kind), (signed, _open(signed, keys, expected)))
    prepared = {party: each for (party, kind), each in good.items() if kind == Prepared.KIND}
    if unanimous(change, {party: vote for party, (_, vote) in prepared.items()}):
        return Commit(change.encode(), tuple(prepared[party][0] for party in change.voters))
    against = {party: each for (party, kind), each in good.items() if kind == Unlocked.KIND}
    against |= {party: each for (party, kind), each in good.items() if kind == Aborted.KIND}
    if gives_up(change, {party: vote for party, (_, vote) in against.items()}):
        return Abort(change.encode(), tuple(signed for _, (signed, _) in sorted(against.items())))
    return None


def refusal(change: Change, votes: Iterable[Signed], keys: Keys) -> Signed | None:
    """A voter's Aborted among these, if there is one: only by a double vote could the change still be committed."""
    expected = (change.sharing, change.attempt, change.digest)
    for signed in votes:
        if signed.kind == Aborted.KIND and signed.signer in change.voters:
            with suppress(SteelyardError):
                _open(signed, keys, expected)
                return signed
    return None


def double_votes(votes: Iterable[Signed], keys: Keys) -> list[tuple[Signed, Signed]]:
    """Pairs by which a node convicts itself: Prepared and Aborted, or two different Prepared, of one attempt."""
    seen: dict[tuple[str, str], Signed] = {}
    pairs = []
    for signed in votes:
        kind = KINDS.get(signed.kind)
        if kind is None or kind is Unlocked:
            continue
        try:
            vote = signed.open(kind, keys)
        except (Unauthenticated, Malformed):
            continue
        first = seen.setdefault((signed.signer, vote.attempt), signed)
        if (first.kind, first.payload) != (signed.kind, signed.payload):
            pairs.append((first, signed))
    return pairs


def convict(one: Signed, other: Signed, keys: Keys) -> str:
    """Who signed both of two votes that exclude each other; raises Cheated, naming nobody, if that is no proof."""
    if not double_votes([one, other], keys):
        raise Cheated("these two votes do not exclude each other")
    return one.signer


def credible(certificate: Certificate, known: Committee) -> bool:
    """Whether k of the holders that I know signed, one of whom is honest, whatever the change says of itself."""
    return len({signed.signer for signed in certificate.votes} & set(known.points)) >= known.threshold
