"""What this node says to a request: it believes the requester's signature and its owner's policy, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.audit import Audit
from node.computations import Computations, Decision, Recorded
from node.policy import PolicyFile
from node.sharings import Sharings
from steelyard.documents.request import MAX_LIFE_MS, Request
from steelyard.documents.signed import Signed, read
from steelyard.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated
from steelyard.functions.catalogue import question_of
from steelyard.functions.question import Question as Asked
from steelyard.functions.threshold import check as check_threshold
from steelyard.functions.upkeep import Upkeep
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.privacy.policy import Policy, Question, check_terms
from steelyard.storage.database import Database

MAX_OPENED: Final = 256  # requests, of at most a megabyte each
CLOCK_SKEW_MS: Final = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Consent:
    """Decides, remembers what was decided, and lets the owner decide what waits.

    An automatic approval commits this node to nothing until it signs an input set, so it is not put on disk at once:
    `settle` does that, in one transaction with the ledger's entry, and the node calls it now and then.
    """

    party: PartyId
    membership: Membership
    policy: PolicyFile
    computations: Computations
    sharings: Sharings
    audit: Audit
    database: Database
    now_ms: Callable[[], int]
    concerns: Callable[[Asked[Any]], bool] = lambda question: True  # whether it is about data of this owner
    _fresh: dict[str, Recorded] = field(default_factory=dict, repr=False)
    _opened: dict[Signed, Request] = field(default_factory=dict, repr=False)

    def decide(self, signed: Signed) -> Recorded:
        """The decision on a request, made now or before.

        Raises Unauthenticated, Invalid or Conflict for what is no request to this node at all.
        """
        request = self.read(signed)
        known = self._fresh.get(request.computation) or self.computations.find(request.computation)
        if known is None:
            return self._decide_first(request, signed)
        if known.request.digest != signed.digest:
            raise Conflict("another request was made under this computation id")
        return known

    def resolve(self, computation: str, *, approve: bool) -> Recorded:
        """The owner's word on a request that waits."""
        waiting = self.computations.get(computation)
        if waiting.decision != "pending":
            raise Conflict(f"this computation does not wait for a decision: it is {waiting.decision}")
        self.read(waiting.request)
        refusal = None if approve else Refused(f"the owner of {self.party} refused this request")
        self._record(
            replace(waiting, decision="approved" if approve else "refused", failure=refusal), "decided_by_owner"
        )
        return self.computations.get(computation)

    def require_share(self, recorded: Recorded) -> None:
        """Raises Stale where others have gone on with a stored sharing since this was approved."""
        with suppress(NotFound):
            self.sharings.origin(question_of(self.read(recorded.request)))

    def settle(self) -> None:
        """Puts on disk, and into the audit log, every approval that is not there yet."""
        if self._fresh:
            with self.settling():
                pass

    @contextmanager
    def settling(self) -> Iterator[None]:
        """A transaction that also settles; what was approved leaves memory only once it is on disk."""
        with self.database.transaction():
            fresh = list(self._fresh.values())
            for recorded in fresh:
                self._record(recorded, "asked")
            yield
        for recorded in fresh:
            self._fresh.pop(recorded.id, None)

    def read(self, signed: Signed) -> Request:
        """The request, if its requester signed it, for this manifest, and it is neither expired nor from the future."""
        request = self._opened.get(signed) or self._open(signed)
        if not request.purpose.isprintable():
            raise Invalid("a purpose is one line of printable text: it is shown to owners who decide")
        if request.requester != signed.signer:
            raise Unauthenticated(f"{signed.signer} signed a request in the name of somebody else")
        if request.manifest != self.membership.digest:
            raise Conflict(f"the request is for another manifest than {self.party} uses: compare versions")
        if not request.created_ms - CLOCK_SKEW_MS <= self.now_ms() <= request.expires_ms:
            raise Conflict("the request has expired, or comes from the future: check the clocks and ask again")
        if request.expires_ms - request.created_ms > MAX_LIFE_MS:
            raise Invalid("a request may be valid for at most seven days")
        return request

    def _open(self, signed: Signed) -> Request:
        """Checks the signature, once for the several times that a request is looked at."""
        if len(self._opened) >= MAX_OPENED:
            self._opened.clear()
        self._opened[signed] = signed.open(Request, self.membership.requester_keys)
        return self._opened[signed]

    def check(self, request: Request, parties: Sequence[PartyId], *, concerned: bool = False) -> Policy:
        """The owner's policy of today, if it allows this request with these parties; raises PolicyRefused.

        What holds of a dataset holds of what was shared of it.  Raises NotFound or Stale without the sharing.
        Without data of its own in a question that each contributor consents to, the node only helps.
        """
        question, policy = question_of(request), self.policy.read()
        if question.consented and not (concerned or self.concerns(question)):
            policy.check_help(request.requester, tuple(parties), self.party)
            return policy
        asked = Question(
            function=question.allowed_as,
            requester=request.requester,
            dataset=self.sharings.origin(question),
            columns=question.wanted.columns,
            filter_columns=tuple(sorted(question.wanted.filter_columns)),
            epsilon=question.epsilon,
            delta=question.delta,
            trainer=question.trainer,
            lower_threshold=request.threshold > 0 or 0 < question.shares < self.membership.threshold,
            me=self.party,
            parties=tuple(parties),
        )
        policy.check(asked)
        self._check_absent(asked, question.wanted.stored)
        if isinstance(question, Upkeep):
            question.check_bound()
        size, threshold = self.membership.size, self.membership.threshold
        check_threshold(
            request.threshold, size, threshold, multiplies=question.multiplies and not question.wanted.stored
        )
        return policy

    def _check_absent(self, asked: Question, stored: str) -> None:
        """Owners whose data is in a sharing and whose nodes take no part: what they said when they shared it."""
        shelf = self.sharings.find(stored) if stored else None
        for part in shelf.stored.parts if shelf else ():
            if not part.sponsor and part.contributor not in asked.parties:
                check_terms(part.contributor, part.terms, asked)

    def _decide_first(self, request: Request, signed: Signed) -> Recorded:
        decision, refusal = self._judge(request)
        recorded = Recorded(request.computation, signed, decision, refusal, self.now_ms())
        if decision == "approved":
            self._fresh[recorded.id] = recorded
        else:
            self._record(recorded, "asked")
        return recorded

    def _judge(self, request: Request) -> tuple[Decision, Refused | None]:
        try:
            policy = self.check(request, self.membership.parties)
        except Refused as refusal:
            return "refused", refusal
        return ("approved" if policy.automatic else "pending"), None

    def _record(self, recorded: Recorded, event: str) -> None:
        request = read(Request, recorded.request.payload)
        fields = {
            "computation": recorded.id,
            "request": recorded.request.digest.hex(),
            "requester": request.requester,
            "function": request.function,
            "decision": recorded.decision,
            "reason": recorded.failure.reason if recorded.failure else "",
            **({} if recorded.failure else question_of(request).noted),
        }
        with self.database.transaction():
            if self.computations.record(recorded, request.expires_ms):  # not yet by another thread that settles
                self.audit.record(event, fields, now_ms=self.now_ms())
