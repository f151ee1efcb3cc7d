"""Counts rounds: plays the protocol that nodes run, for a setting, in this process and on a single cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.measure import Setting
from steelyard.documents.attempt import Contribution, InputSet
from steelyard.documents.signed import Signed
from steelyard.errors import SteelyardError
from steelyard.functions.aggregate import Aggregation
from steelyard.functions.computation import ResultShare, compute
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Introduction, Offer, introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Round, run_locally
from steelyard.secret import Secret

MINIMUM_ROWS: Final = 3  # as in a local profile's policies


class _Ledger:
    def check(self, contributions: Sequence[Contribution]) -> None:
        """Everything may be released."""

    def enter(self, input_set: InputSet) -> None:
        """And nothing is remembered."""


def rounds_of_total(question: Aggregation, setting: Setting) -> int:
    """Rounds until every node holds its share of the result, with relayed hellos; raises what ends the protocol."""
    steps: list[str] = []
    attempts = _attempts(setting)
    met = {each.me: introduce(each, _offer(each)) for each in attempts}
    hellos = {party: each.signed for party, each in met.items()}
    protocols = {each.me: _protocol(each, question, met[each.me], hellos) for each in attempts}
    protocols[attempts[0].me] = _counted(protocols[attempts[0].me], steps)
    for outcome in run_locally(protocols).values():
        if isinstance(outcome, SteelyardError):
            raise outcome
    return len(steps)


def _counted(protocol: Protocol[ResultShare], steps: list[str]) -> Protocol[ResultShare]:
    try:
        round_ = next(protocol)
        while isinstance(round_, Round):
            steps.append(round_.step)
            round_ = protocol.send((yield round_))
    except StopIteration as end:
        share: ResultShare = end.value
        return share
    raise TypeError("a sum has no branches")


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
    attempt: Attempt, question: Aggregation, mine: Introduction, hellos: Mapping[PartyId, Signed]
) -> Protocol[ResultShare]:
    cell = np.array([MINIMUM_ROWS], dtype=np.int64)
    return compute(
        attempt,
        question,
        mine,
        Secret(dict.fromkeys(question.dealt, cell)),
        _Ledger(),
        SystemRandomness(),
        lambda identity: Keystream(bytes(32)),
        hellos,
    )


def _attempts(setting: Setting) -> list[Attempt]:
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
            quorum=-(-(setting.parties + setting.threshold) // 2),
            minimum_group=2,
            signing=signing[me],
            keys={party: key.public_key() for party, key in signing.items()},
        )
        for me in parties
    ]
