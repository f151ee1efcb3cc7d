"""Agreement on the input set: a certificate that enough nodes of the manifest signed one and the same set.

Model       malicious, at most k-1 nodes.  Any two quorums of q = ceil((n+k)/2) nodes share k, so an honest one.
Rounds      1.   Sends one signature to everybody.
Reveals     nothing.
Follows     Byzantine quorums (Malkhi, Reiter 1998); docs/threat-model.md says why this size.
Differs     the ledger entry is durable before the signature leaves, so a release that any quorum made possible is known
            to every honest node that signed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol as Interface

from cryptography.exceptions import InvalidSignature

from steelyard.digest import frame
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.signed import sign
from steelyard.errors import Cheated
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.rounds import Protocol, broadcast

Certificate = tuple[tuple[PartyId, bytes], ...]  # signers and their signatures


class Ledger(Interface):
    """Where a node remembers what it let out; both calls raise PolicyRefused or Conflict."""

    def check(self, contributions: Sequence[Contribution]) -> None:
        """Would this be refused?"""

    def enter(self, input_set: InputSet) -> None:
        """Durably, once and for all: this and no other input set for this computation."""


def agree(attempt: Attempt, greeting: Greeting, transcript: str, ledger: Ledger) -> Protocol[tuple[bytes, Certificate]]:
    """The exact bytes of the input set and the certificate."""
    # 1. Enter the set into my ledger, then sign it.
    input_set = InputSet(
        computation=attempt.computation,
        request=attempt.request,
        contributions=greeting.contributions,
        attempt=attempt.attempt,
        transcript=transcript,
    )
    ledger.enter(input_set)
    mine = sign(input_set, attempt.me, attempt.signing)
    # 2. Wait for the quorum.
    received = yield broadcast("vote", mine.signature, attempt.others, enough=attempt.quorum - 1)
    # 3. Everybody who signed must have signed these bytes.
    votes = {attempt.me: mine.signature}
    for party, signature in received.items():
        _check(attempt, party, bytes(signature), mine.payload)
        votes[party] = bytes(signature)
    return mine.payload, tuple((party, votes[party]) for party in attempt.participants if party in votes)


def _check(attempt: Attempt, party: PartyId, signature: bytes, payload: bytes) -> None:
    try:
        attempt.keys[party].verify(signature, frame("signature", InputSet.KIND.encode(), payload))
    except InvalidSignature:
        raise Cheated(f"{party} did not sign the input set {attempt.me} signed", suspects=(party,)) from None
