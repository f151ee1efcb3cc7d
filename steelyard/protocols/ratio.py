"""Ratio: encrypted statements of many owners in, their ratios (or scores) to the requester alone.

Model       as steelyard.protocols.threshold_key and joint_decryption: semi-honest for what owners and holders of the
            joint key do with their own secrets; what is evaluated and decrypted is checked by every key holder.
Rounds      5: three for the key, one each for inputs and agreement.   Sends 24 MB to everybody at 1 batch (profile T).
Reveals     to the requester: every ratio asked for, with noise; which statements they are of.  To the nodes: how many
            statements each owner brings.
Follows     Cheon, Kim, Kim, Song (ASIACRYPT 2017) for the arithmetic; Goldschmidt's division.
Differs     division by a Chebyshev residual (steelyard.ckks.division); the nodes themselves evaluate, all of them, in a
            process of their own.  For firms without a node, who have dealt their statements' figures, k nodes stand in:
            each encrypts its weighted share, as owners do theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from steelyard.ckks.ciphertext import Ciphertext, total
from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.ring import Residues, Ring
from steelyard.ckks.worker import Worker, Workers
from steelyard.digest import digest
from steelyard.ids import PartyId
from steelyard.protocols import threshold_key as keys
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.encrypted_inputs import Inputs, encrypted_inputs
from steelyard.protocols.greet import Greeting
from steelyard.protocols.joint_decryption import joint_decryption
from steelyard.protocols.threshold_key import RequestKey, threshold_key
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

Weight = Sequence[int]  # my additive part of one weight, modulo each prime of fresh ciphertexts


def ratio(
    attempt: Attempt,
    greeting: Greeting,
    circuit: Circuit,
    mine: Plain | None,
    weights: Sequence[Weight],
    note: bytes,
    stream: Randomness,
    workers: Workers | None = None,
    dealt: Mapping[int, Residues] = MappingProxyType({}),
) -> Protocol[bytes]:
    """My attachment for the requester; `mine` is None at a node that owns no slots, `note` is what a holder adds.

    `dealt` is my part of what firms without a node have dealt, where I stand in for them.
    """
    with Worker(circuit.profile, workers=workers) as worker:
        # 1. A joint key for this request alone.
        key = yield from threshold_key(attempt, greeting, circuit.profile, circuit.holders, stream)
        worker.open(key.joint)
        # 2. Owners encrypt their slots, stand-ins their part of what was dealt, everybody its part of the weights.
        own = list(_encrypted(attempt, circuit, key, mine, weights, stream, dealt))
        inputs = yield from encrypted_inputs(attempt, key.joint, own, _rings(attempt, circuit))
        # 3. All evaluate the same.
        challenge = digest("evaluated-inputs", *(inputs.digests[party].encode() for party in inputs.digests))
        holders, weighted = _sorted_out(circuit, inputs)
        results = circuit.evaluated(holders, weighted, challenge, worker)
    # 4. And decrypt that, for the requester.
    return (yield from joint_decryption(attempt, key, inputs, circuit.digest, results, note, stream))


def longest(circuit: Circuit) -> int:
    """Bytes of the longest message."""
    size = sum(2 * ring.size for ring in circuit.rings) + 2 * circuit.weights * circuit.profile.fresh.size
    return max(keys.longest(circuit.profile), size + (1 << 12))


def _rings(attempt: Attempt, circuit: Circuit) -> Mapping[PartyId, Sequence[Ring]]:
    weights = [circuit.profile.fresh] * circuit.weights
    holders = circuit.holders
    return {party: (*(circuit.rings if party in holders else ()), *weights) for party in attempt.participants}


def _encrypted(
    attempt: Attempt,
    circuit: Circuit,
    key: RequestKey,
    mine: Plain | None,
    weights: Sequence[Weight],
    stream: Randomness,
    dealt: Mapping[int, Residues],
) -> Sequence[Ciphertext]:
    fresh, holds = circuit.profile.fresh, attempt.me in circuit.holders
    own = list(circuit.encrypted(attempt.me, mine, key.joint, stream, dealt)) if holds else []
    return [*own, *(key.joint.encrypt(fresh, fresh.constant(each), stream) for each in weights)]


def _sorted_out(
    circuit: Circuit, inputs: Inputs
) -> tuple[Mapping[PartyId, Sequence[Ciphertext]], Sequence[Ciphertext]]:
    count = len(circuit.rings)
    holders = {party: inputs.ciphertexts[party][:count] for party in circuit.holders}
    if not circuit.weights:
        return holders, ()
    parts = [each[-circuit.weights :] for each in inputs.ciphertexts.values()]
    return holders, [total(list(each)) for each in zip(*parts, strict=True)]
