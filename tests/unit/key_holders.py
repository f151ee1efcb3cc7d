"""Three owners, who are the committee too, and their joint key, in one process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steelyard.ckks import committee_key, joint_key, samplers
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.committee_key import KeyShare
from steelyard.ckks.decryption import OneTimeKey
from steelyard.ckks.encoding import decode, encode
from steelyard.ckks.joint_key import JointKey, Reference
from steelyard.ckks.profiles import Profile
from steelyard.randomness import SystemRandomness

STREAM = SystemRandomness()


@dataclass
class Holders:
    """Three owners who are the committee, too."""

    profile: Profile
    joint: JointKey
    owners: list[np.ndarray]
    committee: list[np.ndarray]

    @classmethod
    def of(cls, profile: Profile, size: int = 3) -> Holders:
        degree, keys = profile.degree, profile.keys
        owners, committee = ([samplers.ternary(degree, STREAM) for _ in range(size)] for _ in range(2))
        reference = Reference(profile, b"seed")
        parts = [
            joint_key.part(reference, keys.values_of(a + b), STREAM) for a, b in zip(owners, committee, strict=True)
        ]
        everybody = joint_key.sum_first(profile, [each.first() for each in parts])
        joint = joint_key.joint_key(reference, everybody, [each.second(everybody) for each in parts])
        return cls(profile, joint, owners, committee)

    @property
    def secret(self) -> np.ndarray:
        return np.sum([*self.owners, *self.committee], axis=0)

    def raw(self, result: Ciphertext, scale: float) -> np.ndarray:
        """What nobody can do: a decryption without noise."""
        ring = result.ring
        return decode(ring, ring.multiply_add(result.c1, ring.values_of(self.secret), result.c0), scale)

    def owner_keys(self) -> list[OneTimeKey]:
        ring = self.profile.result
        return [OneTimeKey(ring, ring.values_of(each)) for each in self.owners]

    def shares(self, threshold: int) -> list[KeyShare]:
        ring = self.profile.result
        dealt = [committee_key.deal(ring, ring.values_of(c), threshold, 3, STREAM) for c in self.committee]
        return [KeyShare(i, 0, ring.total([each[i] for each in dealt])) for i in range(3)]

    def encrypt(self, slots: np.ndarray) -> Ciphertext:
        ring = self.profile.divided
        return self.joint.encrypt(ring, encode(ring, slots, self.profile.scale), STREAM)
