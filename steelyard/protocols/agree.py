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
from steelyard.protocols.disputes import usable
from steelyard.rounds import Protocol, broadcast

Certificate = tuple[tuple[PartyId, bytes], ...]  # signers and their signatures


class Ledger(Interface):
    """Where a node remembers what it let out; both calls raise PolicyRefused or Conflict."""

    def check(self, contributions: Sequence[Contribution]) -> None:
        """Would this be refused?"""

    def enter(self, input_set: InputSet) -> None:
        """Durably, once and for all: this and no other input set for this computation."""


def agree(
    attempt: Attempt, contributions: tuple[Contribution, ...], transcript: str, ledger: Ledger
) -> Protocol[tuple[bytes, Certificate]]:
    """The exact bytes of the input set and the certificate."""
    # 1. Enter the set into my ledger, then sign it.
    input_set = InputSet(
        computation=attempt.computation,
        request=attempt.request,
        contributions=contributions,
        threshold=attempt.threshold,
        attempt=attempt.attempt,
        transcript=transcript,
    )
    ledger.enter(input_set)
    mine = sign(input_set, attempt.me, attempt.signing)
    # 2. Wait for the quorum.
    enough = attempt.quorum - 1
    received = yield broadcast("vote", mine.signature, attempt.others, enough)
    # 3. Votes for other bytes do not count; more than a quorum of them say nothing more.
    message = frame("signature", InputSet.KIND.encode(), mine.payload)

    def read(party: PartyId, signature: bytes | bytearray) -> bytes:
        try:
            attempt.keys[party].verify(bytes(signature), message)
        except InvalidSignature:
            raise Cheated(f"{party} did not sign the input set {attempt.me} signed", suspects=(party,)) from None
        return bytes(signature)

    votes = {**usable(received, enough, read, no_more=True), attempt.me: mine.signature}
    return mine.payload, tuple((party, votes[party]) for party in attempt.participants if party in votes)
