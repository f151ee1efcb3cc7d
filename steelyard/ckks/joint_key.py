"""The joint key: public and relinearisation keys of a secret that is the sum of all parties' secrets, known to nobody.

Two steps (Mouchet, Troncoso-Pastoriza, Bossuat, Hubaux, PETS 2021).  With public uniform a, a_j, secrets s_i, fresh
ternary u_i, errors e, the special prime P, and g_j that is 1 modulo prime j and 0 modulo the others:

    first    b_i = -a s_i + e;  h0_ij = -u_i a_j + P g_j s_i + e;  h1_ij = s_i a_j + e
    second   c_ij = s_i h0_j + (u_i - s_i) h1_j + e, where h0_j, h1_j are the sums over all parties

(sum of b_i, a) is the public key; (sum of c_ij, h1_j), j = 1, 2, ... encrypt P g_j s^2.  Everybody commits to its first
step before any is opened: otherwise the last could choose b_i such that the sum is a key of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from steelyard.ckks import samplers
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ring import Residues, Ring
from steelyard.digest import digest
from steelyard.errors import Malformed
from steelyard.randomness import Keystream, Randomness

Rows = tuple[Residues, ...]  # one polynomial for each digit


@dataclass(frozen=True)
class Reference:
    """The public random polynomials of one attempt, from a seed that all parties have had a part in."""

    profile: Profile
    seed: bytes

    @cached_property
    def _all(self) -> Rows:
        stream = Keystream(digest("ckks-reference", self.profile.name.encode(), self.seed))
        return tuple(samplers.uniform(self.profile.keys, stream) for _ in range(digits(self.profile) + 1))

    @property
    def a(self) -> Residues:
        return self._all[0]

    @property
    def rows(self) -> Rows:
        return self._all[1:]


@dataclass(frozen=True)
class First:
    """One party's first step, or the sum of everybody's."""

    b: Residues
    h0: Rows
    h1: Rows

    def write(self, ring: Ring) -> bytes:
        return b"".join(ring.write(each) for each in (self.b, *self.h0, *self.h1))


@dataclass(frozen=True)
class JointKey:
    """What everybody encrypts and multiplies with."""

    profile: Profile
    b: Residues
    a: Residues
    relin: tuple[tuple[Residues, Residues], ...]

    @cached_property
    def digest(self) -> bytes:
        return digest("ckks-joint-key", self.profile.name.encode(), self.profile.keys.write(self.b), self.write_relin())

    def write_relin(self) -> bytes:
        ring = self.profile.keys
        return b"".join(ring.write(part) for row in self.relin for part in row)

    def encrypt(self, ring: Ring, message: Residues, stream: Randomness) -> Ciphertext:
        """`message`: values over `ring`, which has the first of the primes."""
        degree, primes = ring.degree, len(ring.primes)
        u = ring.values_of(samplers.ternary(degree, stream))
        e0, e1 = (ring.values_of(samplers.error(degree, stream)) for _ in range(2))
        c0 = ring.multiply_add(self.b[:primes], u, ring.add(e0, message))
        return Ciphertext(ring, c0, ring.multiply_add(self.a[:primes], u, e1))


@dataclass(frozen=True)
class Part:
    """What one party does towards the joint key; its secrets are not printed."""

    reference: Reference
    secret: Residues = field(repr=False)  # values over the ring of keys
    blind: Residues = field(repr=False)
    stream: Randomness = field(repr=False)

    @property
    def _ring(self) -> Ring:
        return self.reference.profile.keys

    def first(self) -> First:
        ring, s, u = self._ring, self.secret, self.blind
        b = ring.subtract(self._error(), ring.multiply(self.reference.a, s))
        h0, h1 = [], []
        for j, a in enumerate(self.reference.rows):
            masked = ring.subtract(self._error(), ring.multiply(u, a))
            masked[j] = _gadget(ring, j, s, masked)
            h0.append(masked)
            h1.append(ring.multiply_add(s, a, self._error()))
        return First(b, tuple(h0), tuple(h1))

    def second(self, everybody: First) -> Rows:
        ring, s = self._ring, self.secret
        difference = ring.subtract(self.blind, s)
        pairs = zip(everybody.h0, everybody.h1, strict=True)
        return tuple(ring.multiply_add(s, h0, ring.multiply_add(difference, h1, self._error())) for h0, h1 in pairs)

    def _error(self) -> Residues:
        return self._ring.values_of(samplers.error(self._ring.degree, self.stream))


def part(reference: Reference, secret: Residues, stream: Randomness) -> Part:
    ring = reference.profile.keys
    return Part(reference, secret, ring.values_of(samplers.ternary(ring.degree, stream)), stream)


def digits(profile: Profile) -> int:
    return len(profile.fresh.primes)


def first_size(profile: Profile) -> int:
    """Bytes of a party's first step; the second has `second_size`."""
    return (1 + 2 * digits(profile)) * profile.keys.size


def second_size(profile: Profile) -> int:
    return digits(profile) * profile.keys.size


def read_first(profile: Profile, data: bytes | bytearray | memoryview) -> First:
    """Raises Malformed."""
    rows, count = _read(profile, data, 1 + 2 * digits(profile)), digits(profile)
    return First(rows[0], rows[1 : 1 + count], rows[1 + count :])


def read_second(profile: Profile, data: bytes | bytearray | memoryview) -> Rows:
    return _read(profile, data, digits(profile))


def write_rows(profile: Profile, rows: Rows) -> bytes:
    return b"".join(profile.keys.write(each) for each in rows)


def read_relin(profile: Profile, data: bytes | memoryview) -> tuple[tuple[Residues, Residues], ...]:
    rows = _read(profile, data, 2 * digits(profile))
    return tuple(zip(rows[::2], rows[1::2], strict=True))


def sum_first(profile: Profile, firsts: Sequence[First]) -> First:
    ring = profile.keys
    b = ring.total([each.b for each in firsts])
    h0, h1 = (
        tuple(ring.total(rows) for rows in zip(*parts, strict=True))
        for parts in ([each.h0 for each in firsts], [each.h1 for each in firsts])
    )
    return First(b, h0, h1)


def joint_key(reference: Reference, everybody: First, seconds: Sequence[Rows]) -> JointKey:
    ring = reference.profile.keys
    c0 = [ring.total(rows) for rows in zip(*seconds, strict=True)]
    return JointKey(reference.profile, everybody.b, reference.a, tuple(zip(c0, everybody.h1, strict=True)))


def _gadget(ring: Ring, j: int, secret: Residues, masked: Residues) -> Residues:
    """Row j of `masked` and the special prime times the secret."""
    own = Ring(ring.degree, ring.primes[j : j + 1])
    lifted = own.scale(ring.primes[-1], secret[j : j + 1])
    row: Residues = own.add(masked[j : j + 1], lifted)[0]
    return row


def _read(profile: Profile, data: bytes | bytearray | memoryview, count: int) -> Rows:
    ring, view = profile.keys, memoryview(data).cast("B")
    if len(view) != count * ring.size:
        raise Malformed("a part of a key of the wrong length: it is not of this profile")
    return tuple(ring.read(view[i * ring.size : (i + 1) * ring.size]) for i in range(count))
