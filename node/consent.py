"""What this node says to a request: it believes the requester's signature and its owner's policy, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from node.audit import Audit
from node.computations import Computations, Decision, Recorded
from node.policy import Policy, PolicyFile, Question
from steelyard.documents.request import MAX_LIFE_MS, Request
from steelyard.documents.signed import Signed
from steelyard.errors import Conflict, Invalid, Refused, Unauthenticated
from steelyard.functions.aggregate import arguments, epsilon
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.storage.database import Database

CLOCK_SKEW_MS: Final = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Consent:
    """Decides, remembers what was decided, and lets the owner decide what waits."""

    party: PartyId
    membership: Membership
    policy: PolicyFile
    computations: Computations
    audit: Audit
    database: Database
    now_ms: Callable[[], int]

    def decide(self, signed: Signed) -> Recorded:
        """The decision on a request, made now or before.

        Raises Unauthenticated, Invalid or Conflict for what is no request to this node at all.
        """
        request = self.read(signed)
        known = self.computations.find(request.computation)
        if known is None:
            self._decide_first(request, signed)
        elif known.request.digest != signed.digest:
            raise Conflict("another request was made under this computation id")
        return self.computations.get(request.computation)

    def resolve(self, computation: str, *, approve: bool) -> Recorded:
        """The owner's word on a request that waits."""
        waiting = self.computations.get(computation)
        if waiting.decision != "pending":
            raise Conflict(f"this computation does not wait for a decision: it is {waiting.decision}")
        request = self.read(waiting.request)
        refusal = None if approve else Refused(f"the owner of {self.party} refused this request")
        self._record(request, waiting.request, "approved" if approve else "refused", refusal, "decided_by_owner")
        return self.computations.get(computation)

    def read(self, signed: Signed) -> Request:
        """The request, if its requester signed it, for this manifest, and it is neither expired nor from the future."""
        request = signed.open(Request, self.membership.requester_keys)
        if request.requester != signed.signer:
            raise Unauthenticated(f"{signed.signer} signed a request in the name of somebody else")
        if request.manifest != self.membership.digest:
            raise Conflict(f"the request is for another manifest than {self.party} uses: compare versions")
        if not request.created_ms - CLOCK_SKEW_MS <= self.now_ms() <= request.expires_ms:
            raise Conflict("the request has expired, or comes from the future: check the clocks and ask again")
        if request.expires_ms - request.created_ms > MAX_LIFE_MS:
            raise Invalid("a request may be valid for at most seven days")
        return request

    def check(self, request: Request, parties: Sequence[PartyId]) -> Policy:
        """The owner's policy of today, if it allows this request with these parties; raises PolicyRefused."""
        wanted = arguments(request)
        policy = self.policy.read()
        policy.check(
            Question(
                function=request.function,
                requester=request.requester,
                dataset=wanted.dataset,
                column=wanted.column,
                filter_columns=tuple(sorted(wanted.filter_columns)),
                vector=bool(wanted.length),
                epsilon=float(epsilon(wanted)) if wanted.private else 0.0,
                parties=tuple(parties),
            )
        )
        return policy

    def _decide_first(self, request: Request, signed: Signed) -> None:
        try:
            automatic = self.check(request, self.membership.parties).automatic
            self._record(request, signed, "approved" if automatic else "pending", None, "asked")
        except Refused as refusal:
            self._record(request, signed, "refused", refusal, "asked")

    def _record(
        self,
        request: Request,
        signed: Signed,
        decision: Decision,
        refusal: Refused | None,
        event: str,
    ) -> None:
        now = self.now_ms()
        fields = {
            "computation": request.computation,
            "request": signed.digest.hex(),
            "requester": request.requester,
            "function": request.function,
            "decision": decision,
            "reason": refusal.reason if refusal else "",
        }
        with self.database.transaction():
            self.computations.record(
                request.computation, signed, decision, refusal, now_ms=now, expires_ms=request.expires_ms
            )
            self.audit.record(event, fields, now_ms=now)
