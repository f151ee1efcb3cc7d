"""`Circuit`: what all key holders evaluate, from the sum of the owners' ciphertexts to the results; public and hashed.

An owner encrypts its own slots and zeros in those of others, so that adding the owners' ciphertexts puts thousands of
statements side by side; no slot is ever masked by a product, which would cost a level.  Firms without a node have dealt
theirs: some nodes stand in for them and add what they hold to what they encrypt (steelyard.ckks.dealt).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.ciphertext import Ciphertext, total
from steelyard.ckks.encoding import encode
from steelyard.ckks.joint_key import JointKey
from steelyard.ckks.layout import Layout
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues, Ring
from steelyard.ckks.scheme import Evaluator, Quotient
from steelyard.digest import digest
from steelyard.ids import PartyId
from steelyard.randomness import Keystream, Randomness

_SPARE = 0.75  # in slots that are nobody's a zero is divided by this
_FACTORS = 15


@dataclass(frozen=True)
class Plain:
    """One owner's block, in the clear: per group its numerators and denominator, (block * width,) each."""

    numerators: Sequence[Sequence[NDArray[np.float64]]] = field(repr=False)
    denominators: Sequence[NDArray[np.float64]] = field(repr=False)
    identity: NDArray[np.float64] | None = field(default=None, repr=False)  # (3, block): assets, liabilities, equity


@dataclass(frozen=True)
class Circuit:
    """`groups`: how many numerators there are over each denominator; more than one in all only with weights.

    `stand_ins` are the nodes that bring what firms without one have dealt.
    """

    profile: Profile
    layout: Layout
    groups: tuple[int, ...] = (1,)
    identity: bool = False
    stand_ins: tuple[PartyId, ...] = ()

    @property
    def holders(self) -> tuple[PartyId, ...]:
        """The nodes that encrypt and have a part of the key which nothing is decrypted without."""
        owners = (party for party in self.layout.owners if party not in self.layout.called)
        return tuple(dict.fromkeys((*owners, *self.stand_ins)))

    @property
    def weights(self) -> int:
        """How many encrypted weights there are."""
        return sum(self.groups) if self.profile.weighted else 0

    @property
    def balances(self) -> Layout:
        """Where the identity of each statement is."""
        return replace(self.layout, width=1)

    @property
    def digest(self) -> bytes:
        p, plan = self.profile, self.profile.plan
        numbers = (p.degree, *p.keys.primes, p.scale, plan.numerator, plan.denominator, *plan.alpha, *plan.beta)
        blocks = [f"{party}={count}" for party, count in self.layout.blocks.items()]
        shape: tuple[object, ...] = (self.layout.width, self.layout.slots, *self.groups, self.identity)
        if self.layout.called:
            shape = (*shape, self.layout.reserved, *self.layout.called, "stand-ins", *self.stand_ins)
        return digest("ckks-circuit", *(repr(each).encode() for each in (*numbers, *blocks, *shape)))

    @property
    def scales(self) -> tuple[float, ...]:
        """Of the results."""
        checks = (self.profile.scale,) if self.identity else ()
        return (self.profile.result_scale,) * self.layout.batches + checks

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Of a holder's ciphertexts, in order."""
        batch = [ring for count in self.groups for ring in (*[self.profile.fresh] * count, self.profile.divided)]
        checks = [self.profile.result] * 3 * self.balances.batches if self.identity else []
        return (*batch * self.layout.batches, *checks)

    def places(self, firm: PartyId) -> list[int]:
        """Which of the ciphertexts hold a called firm's block: those of one batch, and of its identity."""
        size, batch = sum(self.groups) + len(self.groups), self.layout.start(firm) // self.layout.slots
        found = list(range(batch * size, (batch + 1) * size))
        if self.identity:
            first = size * self.layout.batches + 3 * (self.balances.start(firm) // self.layout.slots)
            found += range(first, first + 3)
        return found

    def encrypted(
        self,
        party: PartyId,
        mine: Plain | None,
        key: JointKey,
        stream: Randomness,
        dealt: Mapping[int, Residues] = MappingProxyType({}),
    ) -> Iterator[Ciphertext]:
        """A holder's ciphertexts; `dealt` is added to those at its places.  Raises Invalid for what has no room."""
        vectors = self.slots(party, mine) if mine else [np.zeros(self.layout.slots) for _ in self.rings]
        if party == self.holders[0]:
            self._fill(vectors)
        for at, (ring, vector) in enumerate(zip(self.rings, vectors, strict=True)):
            message = encode(ring, vector, self.profile.scale)
            yield key.encrypt(ring, ring.add(message, dealt[at]) if at in dealt else message, stream)

    def slots(self, party: PartyId, mine: Plain) -> list[NDArray[np.float64]]:
        """An owner's block in its place, zeros elsewhere: a vector for each ciphertext."""
        vectors: list[NDArray[np.float64]] = []
        groups = [
            ([self.layout.placed(party, each) for each in above], self.layout.placed(party, below))
            for above, below in zip(mine.numerators, mine.denominators, strict=True)
        ]
        for batch in range(self.layout.batches):
            for above, below in groups:
                vectors += [each[batch] for each in above]
                vectors.append(below[batch])
        if self.identity and mine.identity is not None:
            parts = [self.balances.placed(party, each) for each in mine.identity]
            vectors += [part[batch] for batch in range(self.balances.batches) for part in parts]
        return vectors

    def _fill(self, vectors: list[NDArray[np.float64]]) -> None:
        """Denominators where slots are nobody's."""
        spare = self.layout.spare() * (_SPARE * self.profile.plan.denominator)
        below = np.cumsum([count + 1 for count in self.groups]) - 1
        size = sum(self.groups) + len(self.groups)
        for batch in range(self.layout.batches):
            for each in below.tolist():
                vectors[batch * size + each] = vectors[batch * size + each] + spare[batch]

    def evaluated(
        self,
        holders: Mapping[PartyId, Sequence[Ciphertext]],
        weights: Sequence[Ciphertext],
        challenge: bytes,
        evaluator: Evaluator,
    ) -> list[Ciphertext]:
        """The results: one of each batch, and one of all identities, by `challenge` put together at random."""
        sums = iter([total(list(each)) for each in zip(*holders.values(), strict=True)])
        results = []
        for _ in range(self.layout.batches):
            at, quotients = 0, []
            for count in self.groups:
                above = [next(sums) for _ in range(count)]
                used = weights[at : at + count] if weights else ()
                quotients.append(evaluator.divide(Quotient(above, next(sums), used)))
                at += count
            results.append(total(quotients))
        if self.identity:
            results.append(self._balance(sums, challenge))
        return results

    def _balance(self, sums: Iterator[Ciphertext], challenge: bytes) -> Ciphertext:
        """Assets less liabilities and equity of every statement; batches are added by random small factors.

        Factors multiply the error of the ciphertexts, too, which noise has to drown: the first is 1, all are small.
        """
        factors = bytes(1) + Keystream(digest("balance", challenge)).bytes(self.balances.batches - 1)
        terms = []
        for factor in factors:
            difference = next(sums) - next(sums) - next(sums)
            ring = difference.ring
            by = 1 + factor % _FACTORS
            terms.append(Ciphertext(ring, ring.scale(by, difference.c0), ring.scale(by, difference.c1)))
        return total(terms)
