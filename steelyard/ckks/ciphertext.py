"""`Ciphertext`: two polynomials; c0 + c1 s is the message and an error, for the joint secret s that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from steelyard.ckks.ring import Residues, Ring
from steelyard.digest import digest
from steelyard.errors import Invalid, Malformed


@dataclass(frozen=True)
class Ciphertext:
    """Over `ring`; adding and subtracting need no key and no level."""

    ring: Ring
    c0: Residues
    c1: Residues

    def __add__(self, other: Ciphertext) -> Ciphertext:
        self._check(other)
        return Ciphertext(self.ring, self.ring.add(self.c0, other.c0), self.ring.add(self.c1, other.c1))

    def __sub__(self, other: Ciphertext) -> Ciphertext:
        self._check(other)
        return Ciphertext(self.ring, self.ring.subtract(self.c0, other.c0), self.ring.subtract(self.c1, other.c1))

    def times(self, plain: Residues) -> Ciphertext:
        """Slot by slot with public numbers; the scales multiply."""
        return Ciphertext(self.ring, self.ring.multiply(self.c0, plain), self.ring.multiply(self.c1, plain))

    @property
    def digest(self) -> bytes:
        return digest("ckks-ciphertext", self.write())

    @property
    def head(self) -> bytes:
        return head(self.ring, self.c0)

    def write(self) -> bytes:
        return self.ring.write(self.c0) + self.ring.write(self.c1)

    def _check(self, other: Ciphertext) -> None:
        if self.ring != other.ring:
            raise Invalid("ciphertexts of different levels are not added")


def head(ring: Ring, c0: Residues) -> bytes:
    """The digest of a ciphertext's first polynomial."""
    return digest("ckks-head", ring.write(c0))


def read(ring: Ring, data: bytes | bytearray | memoryview) -> Ciphertext:
    """The inverse of `write`; raises Malformed for another profile or level, and for corrupted residues."""
    view = memoryview(data).cast("B")
    if len(view) != 2 * ring.size:
        raise Malformed("a ciphertext of the wrong length: it is not of this profile")
    return Ciphertext(ring, ring.read(view[: ring.size]), ring.read(view[ring.size :]))


def total(terms: list[Ciphertext]) -> Ciphertext:
    """The sum of at least one."""
    result = terms[0]
    for each in terms[1:]:
        result = result + each
    return result
