"""Parameter profiles: ring, scale, levels, noise; and the cap and error that follow from them, checked when loaded.

SEAL refuses a modulus above the 128-bit bound of the homomorphic encryption standard (218 bits at N = 8192, 438 at
16384).  A result that needs more room than its modulus wraps without any error, so a profile states the largest ratio
it carries; an owner refuses to encrypt a larger one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from steelyard.ckks.division import Plan, plan
from steelyard.ckks.primes import chain
from steelyard.ckks.ring import Ring
from steelyard.errors import Invalid

MAX_OWNERS: Final = 31
_TAIL: Final = 6.6  # standard deviations: one of 8192 slots is further out with probability below 2^-21
_STANDARD: Final = {8192: 218, 16384: 438, 32768: 881}


@dataclass(frozen=True)
class Profile:
    """The last prime of `bits` serves key switching only.  `weighted`: one more level, for encrypted weights.

    `flood` is log2 of the noise (sigma, per coefficient) that every owner adds to its part of a decryption, `share`
    that of the noise on a part by a share of the committee's key.
    """

    name: str
    degree: int
    bits: tuple[int, ...]
    scale_bits: int
    steps: int
    cap: float  # the largest |ratio|
    decimals: int  # of what is released
    flood: int
    share: int
    committee: int = 10  # bits of room for the denominators of the committee's weights
    weighted: bool = False

    def __post_init__(self) -> None:
        if sum(self.bits) > _STANDARD[self.degree]:
            raise Invalid(f"profile {self.name} is below 128 bits of security")
        if self.spare < 0:
            raise Invalid(f"profile {self.name} has too few levels for its division")
        if self.headroom < 1:
            raise Invalid(f"profile {self.name} has no room for ratios of {self.cap:g}: they would wrap")

    @cached_property
    def keys(self) -> Ring:
        """Of keys: all primes."""
        return Ring(self.degree, chain(self.degree, self.bits))

    @property
    def fresh(self) -> Ring:
        """Of fresh ciphertexts."""
        return self.keys.first(len(self.bits) - 1)

    @property
    def divided(self) -> Ring:
        """Of numerators and denominators where the division begins."""
        return self.fresh.first(len(self.fresh.primes) - int(self.weighted))

    @property
    def result(self) -> Ring:
        """Of results."""
        return self.fresh.first(self.spare + 1)

    @property
    def spare(self) -> int:
        """Primes that results keep beside the first: the room for large ratios."""
        return len(self.bits) - 2 - self.steps - int(self.weighted)

    @property
    def scale(self) -> float:
        return 2.0**self.scale_bits

    @cached_property
    def result_scale(self) -> float:
        """Exactly: every product's scale is the product of scales over the prime that is dropped after it."""
        primes, numerator, residual = self.fresh.primes, self.scale, self.scale
        if self.weighted:
            numerator = numerator * self.scale / primes[-1]
        for prime in reversed(self.divided.primes[-self.steps :]):
            numerator, residual = numerator * residual / prime, residual * residual / prime
        return numerator

    @property
    def slots(self) -> int:
        return self.degree // 2

    @property
    def plan(self) -> Plan:
        return plan(self.steps)

    @property
    def headroom(self) -> float:
        """How many times the cap fits into half of the last modulus, the least on the way."""
        bits = math.log2(self.cap * self.plan.growth) + self.scale_bits + 1 + self.committee
        return math.pow(2, sum(self.bits[: self.spare + 1]) - 0.01 - bits)

    def flood_error(self, owners: int) -> float:
        """Bound of the noise in a released number, before rounding: real part of N coefficients at roots of unity."""
        deviation = 2.0**self.flood * math.sqrt(owners * self.degree / 2) / self.scale
        return _TAIL * deviation

    def error(self, owners: int = MAX_OWNERS, decimals: int | None = None) -> float:
        """Bound of the absolute error of what is released: noise, rounding, and the division's own at |ratio| = 20."""
        shown = self.decimals if decimals is None else decimals
        return self.flood_error(owners) + 0.5 * 10.0**-shown + 20 * self.plan.residual


# The default: one prime to spare, ratios up to 10^4.
T: Final = Profile("T", 16384, (60, 58, 58, 58, 58, 58, 60), 58, steps=4, cap=1e4, decimals=4, flood=32, share=20)
# Small and quick, without a prime to spare: rough figures of ratios that are capped, for committees of at most three.
S: Final = Profile("S", 8192, (50, 40, 40, 40, 48), 40, steps=3, cap=50.0, decimals=1, flood=22, share=14, committee=2)
# Private scores: a level more for the weights, so a shorter scale.
W: Final = Profile(
    "W",
    16384,
    (60, 53, 53, 53, 53, 53, 53, 60),
    53,
    steps=4,
    cap=1e4,
    decimals=3,
    flood=29,
    share=20,
    weighted=True,
)
PROFILES: Final[Mapping[str, Profile]] = {each.name: each for each in (T, S, W)}


def profile(name: str) -> Profile:
    """Raises Invalid for a name that is none."""
    if name not in PROFILES:
        raise Invalid(f"there is no profile {name[:20]!r}: {', '.join(PROFILES)}")
    return PROFILES[name]
