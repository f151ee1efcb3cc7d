"""Computation: from every party's inputs to shares of the result, for any question.

Model       malicious for dealings, openings and the input set, at most k-1 nodes; then that of the question.  Inputs
            are what their owners say.
Rounds      3 (4 when the hellos are not relayed), 2 more where contributions are taken up, and those of the question.
            Sends n-k vectors per party that deals.
Reveals     what the question's leakage statement says.
Follows     docs/tour.md walks through it.
Differs     the nodes fix and sign who contributed what before anything is computed from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from steelyard.digest import digest
from steelyard.documents.attempt import Contribution, identity
from steelyard.documents.signed import Signed
from steelyard.errors import Conflict, Invalid
from steelyard.field import Vector, from_signed
from steelyard.functions.intake import Intake
from steelyard.functions.means import Means
from steelyard.functions.question import Held, Layers, Question
from steelyard.functions.record import Kept
from steelyard.functions.take_up import TakenUp, take_up
from steelyard.ids import PartyId
from steelyard.protocols.agree import Certificate, Ledger, agree
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.deal_inputs import deal_inputs
from steelyard.protocols.greet import Greeting, Inputs, Introduction, greet, joined, meet
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol
from steelyard.secret import REVEAL, Secret

Noise = Callable[[str], Randomness]  # by the input set's identity


@dataclass(frozen=True, slots=True)
class ResultShare:
    """My share of the result, and the proof of what it is over."""

    share: Vector = field(repr=False)
    suppressed: tuple[int, ...]
    decimals: tuple[int, ...]
    input_set: bytes
    certificate: Certificate
    attachment: bytes = field(default=b"", repr=False)


def compute(
    attempt: Attempt,
    question: Question[Any],
    mine: Introduction,
    inputs: Secret[Layers] | None,
    ledger: Ledger,
    randomness: Randomness,
    noise: Noise,
    relayed: Mapping[PartyId, Signed] | None = None,
    kept: Kept | None = None,
    means: Means | None = None,
) -> Protocol[ResultShare]:
    """`inputs` is None at a node that contributes nothing; `kept` is the stored sharing that is asked about, `means`
    what else the node has for its questions.

    `noise` gives the same stream for the same input set, so that retries do not average the noise away.  `relayed` are
    the others' hellos, where the coordinator has brought them.
    """
    with mine.keys:
        # 1. Meet, take up what contributors have dealt, and see early whether the ledger would object.
        means = means or Means()
        if kept and kept.epoch != mine.hello.stored:
            raise Conflict(f"the sharing has gone on at {attempt.me} since its hello: ask again")
        known = _known(attempt, question, kept, means)
        taken: TakenUp | None = None
        brought: Layers | None = None
        shares: dict[PartyId, Vector] = {}
        if means.intake and question.purpose and not known:
            greeting = yield from meet(attempt, mine, relayed)
            taken, joining, shares = _fitting(
                question, greeting, (yield from _taken(attempt, question, means)), means.intake
            )
            greeting = joined(greeting, joining)
        else:
            greeting = yield from greet(attempt, mine, relayed, known)
        ledger.check(greeting.contributions)
        # 2. Deal the inputs, unless they are shared already.
        transcript = _met(attempt, greeting)
        if greeting.dealers:
            vector = _vector(attempt, question, greeting, inputs, noise)
            lengths = {party: question.values(greeting.rows[party]) for party in greeting.dealers}
            brought = inputs.reveal(REVEAL) if inputs and question.local else None
            dealing = deal_inputs(attempt, greeting, vector, lengths, randomness)
            del inputs, vector  # a million values take 8 MB: nothing is held longer than needed
            dealt, transcript = yield from dealing
            shares = {**dealt, **shares}
        if taken:
            transcript = digest("inputs", transcript.encode(), taken.transcript.encode()).hex()
        # 3. One input set, signed by a quorum.
        input_set, certificate = yield from agree(attempt, greeting.contributions, transcript, ledger)
        # 4. What the question makes of it.
        stream = _further(attempt, greeting, noise)
        held = Held(attempt, greeting, shares, transcript, taken, brought, stream, means)
        del brought
        if kept:
            held = held.holding((yield from question.recall(held, kept.records(question.wanted.columns))))
        released = yield from question.release(held)
    return ResultShare(
        released.share, released.suppressed, greeting.decimals, input_set, certificate, released.attachment
    )


def _known(attempt: Attempt, question: Question[Any], kept: Kept | None, means: Means) -> Inputs | None:
    """Inputs that are shared already, or were."""
    if kept:
        return kept.inputs(question.wanted)
    return question.earlier(attempt, means)


def _taken(attempt: Attempt, question: Question[Any], means: Means) -> Protocol[TakenUp]:
    intake, name, most = means.intake, question.held_as(means.call), question.most
    if intake is None:
        raise Invalid("this node takes no contributions")
    return take_up(attempt, intake, name, question.purpose, wanted=question.takes, checked=question.checked, most=most)


def _fitting(
    question: Question[Any], greeting: Greeting, taken: TakenUp, intake: Intake
) -> tuple[TakenUp, list[Contribution], dict[PartyId, Vector]]:
    """Contributors with the decimals of the parties, or of most contributors; others are left out, for one firm must
    not keep everybody's data out.  Who declares no columns has no decimals of its own.
    """
    parts = {contributor: question.taken(parcel) for contributor, parcel in taken.parcels.items()}
    said = sorted(part.decimals for part, _ in parts.values())
    usual = greeting.decimals if greeting.contributions else max(said, key=said.count, default=())
    plain = {"decimals": usual, "bounds": (0,) * len(usual)}
    parts = {each: (part if part.decimals else replace(part, **plain), mine) for each, (part, mine) in parts.items()}
    odd = [contributor for contributor, (part, _) in parts.items() if part.decimals != usual]
    for contributor in odd:
        intake.doubt(taken.parcels[contributor].header.id, (), (contributor,))
    taken = taken.without(odd)
    joining = [replace(parts[each][0], sponsor=parcel.sponsor) for each, parcel in taken.parcels.items()]
    return taken, joining, {each: parts[each][1] for each in taken.parcels}


def _met(attempt: Attempt, greeting: Greeting) -> str:
    """What is signed where no party deals: everybody's hello, which names the epoch of what is stored."""
    return digest("met", *(greeting.digests[party] for party in attempt.participants)).hex()


def _further(attempt: Attempt, greeting: Greeting, noise: Noise) -> Noise:
    """Streams for noise at later steps, by their names."""
    fixed = identity(attempt.computation, attempt.request, greeting.contributions)
    return lambda step: noise(f"{fixed}/{step}")


def _vector(
    attempt: Attempt, question: Question[Any], greeting: Greeting, inputs: Secret[Layers] | None, noise: Noise
) -> Secret[Vector] | None:
    if inputs is None:
        return None
    stream = noise(identity(attempt.computation, attempt.request, greeting.contributions))
    values = question.inputs(inputs.reveal(REVEAL), attempt, greeting, stream)
    if values.size != question.values(greeting.rows[attempt.me]):
        raise Invalid("this party's data is not of the size it announced")
    return Secret(from_signed(values))
