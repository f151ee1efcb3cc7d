"""Decryption in parts: every owner's own, which is its consent, and any k of the committee's; each under noise.

A part is c1 times a secret, and noise.  An owner's noise floods what the error of the ciphertext says about the keys
(Li, Micciancio, Schultz, Sorrell, CRYPTO 2022); that on a part by a committee's share only has to hide the share.
The sum of c0 and all parts is the message, so no one but whom all parts are sent to can read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from steelyard.ckks import samplers
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.committee_key import weights
from steelyard.ckks.encoding import Slots, decode
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues, Ring
from steelyard.errors import Conflict, Invalid, PartyMissing, PolicyRefused
from steelyard.randomness import Randomness


@dataclass
class OneTimeKey:
    """A secret that decrypts each result of one evaluation once, and nothing else."""

    ring: Ring
    _secret: Residues = field(repr=False)
    _allowed: set[bytes] = field(default_factory=set, repr=False)
    _done: set[bytes] = field(default_factory=set, repr=False)

    def allow(self, results: Iterable[Ciphertext]) -> None:
        """From now on these, which the holder has evaluated itself.  Only once: Conflict."""
        if self._allowed:
            raise Conflict("a key of a request decrypts one evaluation only; ask again with a new request")
        self._allowed = {each.digest for each in results}

    def part(self, ciphertext: Ciphertext, width: int, stream: Randomness) -> Residues:
        """My part of the decryption under noise of sigma 2^width.

        Raises PolicyRefused for what is not such a result, Conflict for one that has been decrypted before: a second
        part of the same one, under other noise, would halve the noise.
        """
        name = ciphertext.digest
        if name in self._done:
            raise Conflict("this ciphertext has been decrypted before; ask again with a new request")
        if name not in self._allowed or ciphertext.ring != self.ring:
            raise PolicyRefused("a key holder decrypts only what it has evaluated itself from the signed inputs")
        self._done.add(name)
        noise = self.ring.values_of(samplers.wide(self.ring.degree, width, stream))
        return self.ring.multiply_add(ciphertext.c1, self._secret, noise)


def fuse(
    profile: Profile,
    c0: Residues,
    owners: Sequence[Residues],
    committee: Mapping[int, Residues],
    threshold: int,
    scale: float,
) -> Slots:
    """The numbers, from c0, the parts of all owners, and those of any k members by their positions.

    Raises PartyMissing for fewer, Invalid for a committee whose weights the profile has no room for.
    """
    if len(committee) < threshold:
        raise PartyMissing(f"{threshold} parts of the committee are needed to decrypt, {len(committee)} came")
    ring, chosen = profile.result, sorted(committee)[:threshold]
    weighed = weights(chosen)
    if not has_room(profile, chosen):
        raise Invalid(f"profile {profile.name} has no room for a committee of this size")
    parts = [ring.scale(weighed.numerators[position], committee[position]) for position in chosen]
    rest = ring.scale(weighed.denominator, ring.total([c0, *owners]))
    return decode(ring, ring.total([rest, *parts]), scale * weighed.denominator)


def has_room(profile: Profile, positions: Sequence[int]) -> bool:
    """Whether what these members' parts are multiplied by fits beside the largest results."""
    return not weights(positions).denominator >> profile.committee
