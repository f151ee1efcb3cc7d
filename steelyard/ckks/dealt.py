"""A block that is dealt: what somebody without a node would encrypt, shared k of n among the nodes, modulo every prime.

Guarantees   any k shares give the polynomials, k-1 are uniform whatever they are; the parts of k nodes add up to them
             exactly, so each of these nodes encrypts its part, and the sum of the ciphertexts is an encryption of the
             block that nobody has put together
Reference    A. Shamir, CACM 22 (1979)
Differs      k nodes stand in, not all who hold a share: k shares are always those of some block, so there is no bad
             dealing to be looked for, only a block of figures that are not what its note says
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steelyard.ckks.circuit import Circuit, Plain
from steelyard.ckks.committee_key import evaluated
from steelyard.ckks.encoding import encode
from steelyard.ckks.ring import WORD, Residues
from steelyard.ckks.samplers import uniform
from steelyard.errors import Malformed
from steelyard.field import Vector
from steelyard.ids import PartyId
from steelyard.randomness import Randomness
from steelyard.sharing.shamir import check_points, check_threshold


def size(circuit: Circuit, firm: PartyId) -> int:
    """How many residues a share has."""
    rings = circuit.rings
    return sum(rings[at].size for at in circuit.places(firm)) // WORD


def deal(
    circuit: Circuit, firm: PartyId, block: Plain, points: Mapping[PartyId, int], threshold: int, stream: Randomness
) -> dict[PartyId, Vector]:
    """For each node its share, polynomial after polynomial; raises Invalid for what has no room."""
    check_points(list(points.values()))
    check_threshold(threshold, len(points))
    slots, rings = circuit.slots(firm, block), circuit.rings
    shares: dict[PartyId, list[Vector]] = {party: [] for party in points}
    for at in circuit.places(firm):
        secret = encode(rings[at], slots[at], circuit.profile.scale)
        coefficients = [secret, *(uniform(rings[at], stream) for _ in range(threshold - 1))]
        for party, point in points.items():
            shares[party].append(evaluated(rings[at], coefficients, point).reshape(-1))
    return {party: np.concatenate(each) for party, each in shares.items()}


def part(
    circuit: Circuit, firm: PartyId, share: Vector, points: Mapping[PartyId, int], me: PartyId
) -> dict[int, Residues]:
    """What I add to my ciphertexts, by their places, if those of all `points`, and no others, do; raises Malformed."""
    if share.size != size(circuit, firm):
        raise Malformed(f"what {firm} has dealt is not of the size of its block", culprits=(firm,))
    found, start, own = {}, 0, points[me]
    for at in circuit.places(firm):
        ring = circuit.rings[at]
        primes = np.array(ring.primes, dtype=np.uint64)[:, np.newaxis]
        residues = share[start : start + ring.size // WORD].reshape(ring.shape) % primes
        factors = [weight(list(points.values()), own, prime) for prime in ring.primes]
        found[at] = ring.scale(factors, np.ascontiguousarray(residues))
        start += residues.size
    return found


def weight(points: list[int], own: int, prime: int) -> int:
    """What the value at `own` counts for at zero, modulo a prime, beside those at all other points."""
    result = 1
    for each in points:
        if each != own:
            result = result * -each * pow(own - each, -1, prime) % prime
    return result
