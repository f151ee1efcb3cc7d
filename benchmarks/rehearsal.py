"""Counts rounds: plays the protocol that nodes run, for a setting, in this process and on a single cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.counted import Count, counted
from benchmarks.measure import Setting
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.signed import Signed
from steelyard.errors import SteelyardError
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.question import Question, Values
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Introduction, Offer, introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, run_locally
from steelyard.secret import Secret
from steelyard.tables.filter import Filter

MINIMUM_ROWS: Final = 3  # as in a local profile's policies


class _Ledger:
    def check(self, contributions: Sequence[Contribution]) -> None:
        """Everything may be released."""

    def enter(self, input_set: InputSet) -> None:
        """And nothing is remembered."""


class _Table:
    """Totals over just enough rows; columns of a single value."""

    def totals(self, column: str, filters: Sequence[Filter]) -> tuple[Values, Values]:
        return self.counts(filters), self.counts(filters)

    def counts(self, filters: Sequence[Filter]) -> Values:
        return np.full(len(filters), MINIMUM_ROWS, dtype=np.int64)

    def values(self, column: str, where: Filter) -> Values:
        return np.ones(1, dtype=np.int64)

    def texts(self, column: str, where: Filter) -> Sequence[str]:
        return [""]

    def has(self, column: str) -> bool:
        return True


def rounds_of(question: Question[Any], setting: Setting) -> int:
    """Rounds until every node holds its share of the result, with relayed hellos; raises what ends the protocol."""
    count, contexts = Count(), attempts(setting)
    met = {each.me: introduce(each, _offer(each)) for each in contexts}
    hellos = {party: each.signed for party, each in met.items()}
    protocols = {each.me: _protocol(each, question, met[each.me], hellos) for each in contexts}
    protocols[contexts[0].me] = counted(protocols[contexts[0].me], count)
    for outcome in run_locally(protocols).values():
        if isinstance(outcome, SteelyardError):
            raise outcome
    return len(count.steps)


def _offer(attempt: Attempt) -> Offer:
    return Offer(
        contributes=True,
        version="00" * 16,
        decimals=(0,),
        bounds=(0,),
        enough=True,
        minimum_rows=MINIMUM_ROWS,
        minimum_group=attempt.minimum_group,
    )


def _protocol(
    attempt: Attempt, question: Question[Any], mine: Introduction, hellos: Mapping[PartyId, Signed]
) -> Protocol[ResultShare]:
    return compute(
        attempt,
        question,
        mine,
        Secret(question.bring(_Table(), MINIMUM_ROWS)),
        _Ledger(),
        SystemRandomness(),
        lambda identity: Keystream(bytes(32)),
        hellos,
    )


def attempts(setting: Setting) -> list[Attempt]:
    """The same attempt, as each party sees it."""
    parties = tuple(PartyId(f"bank-{number}") for number in range(setting.parties))
    signing = {party: Ed25519PrivateKey.generate() for party in parties}
    return [
        Attempt(
            computation=ComputationId("00" * 16),
            attempt=AttemptId("00" * 16),
            request="00" * 32,
            manifest="00" * 32,
            me=me,
            participants=parties,
            points={party: number for number, party in enumerate(parties, start=1)},
            threshold=setting.threshold,
            liars=setting.threshold - 1,
            quorum=-(-(setting.parties + setting.threshold) // 2),
            minimum_group=2,
            signing=signing[me],
            keys={party: key.public_key() for party, key in signing.items()},
        )
        for me in parties
    ]
