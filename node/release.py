"""The node's ledger as a protocol sees it: the question is fixed, only who contributes is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.consent import Consent
from node.ledger import AMONG, Candidate, Ledger, Limits
from steelyard.documents.attempt import Contribution, InputSet, independent
from steelyard.documents.request import Request
from steelyard.documents.stored import Stored
from steelyard.errors import GroupTooSmall
from steelyard.functions.question import Question
from steelyard.privacy.policy import Policy


@dataclass(frozen=True, slots=True)
class PendingRelease:
    """`on_signed` is called once the input set is entered for good, just before it is signed."""

    ledger: Ledger
    consent: Consent
    request: Request
    question: Question[Any]
    policy: Policy
    minimum_group: int  # the manifest's; the policy may only raise it
    on_signed: Callable[[], None]
    stored: Stored | None = None  # the sharing that is asked about

    def check(self, contributions: Sequence[Contribution]) -> None:
        if self.question.releases:
            self._check_group(contributions)
            self.ledger.check(self._candidate(contributions), self._limits, now_ms=self.consent.now_ms())

    def enter(self, input_set: InputSet) -> None:
        with self.consent.settling():
            self._enter(input_set)
        self.on_signed()

    def _enter(self, input_set: InputSet) -> None:
        if self.question.wanted.stored and not self.question.releases:
            self.ledger.bind(input_set.computation, input_set.identity)
        if self.question.releases:
            self._check_group(input_set.contributions)
            self.ledger.enter(
                self._candidate(input_set.contributions),
                self._limits,
                computation=input_set.computation,
                digest=input_set.identity,
                now_ms=self.consent.now_ms(),
            )

    def _check_group(self, contributions: Sequence[Contribution]) -> None:
        """One requester can invent any number of firms: they are one party, or none to the questions of their sponsor.
        Where each figure goes out by the consent of whose it is, nobody hides in a group.

        Raises GroupTooSmall.
        """
        if self.policy.sponsored_count or self.question.consented:
            return
        count, least = independent(contributions, self.request.requester), self._limits.minimum_group
        if count < least:
            raise GroupTooSmall(
                f"{count} independent parties; the minimum is {least}: firms of one sponsor count as one, those of the"
                " requester not at all, unless the policies say sponsored_count"
            )

    @property
    def _limits(self) -> Limits:
        return Limits(
            minimum_group=max(self.policy.minimum_group, self.minimum_group),
            period_days=self.policy.period_days,
            epsilon_per_period=self.policy.epsilon_per_period,
            delta_per_period=self.policy.delta_per_period,
            searches_per_version=self.policy.searches_per_version,
            parts_beside_totals=self.policy.parts_beside_totals,
        )

    def _candidate(self, contributions: Sequence[Contribution]) -> Candidate:
        question, wanted = self.question, self.question.wanted
        whole = self.stored.where if self.stored else ""
        chosen = f"{AMONG}{question.among}" if question.among else ""
        return Candidate(
            dataset=self.stored.dataset if self.stored else wanted.dataset,
            column=",".join(wanted.columns),
            function=question.function,
            requester=self.request.requester,
            filter=" of ".join(part for part in (wanted.narrowed, whole) if part) + chosen,
            inputs=frozenset((each.party, each.version) for each in contributions),
            epsilon=question.epsilon,
            delta=question.delta,
            curve=question.curve,
            searches=question.searches,
            parts=question.parts,
            consented=question.consented or question.own,
        )
