"""What the engine is measured on: shares in, shares out; preparing and checking are outside the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.inputs import Values, vector
from steelyard import field
from steelyard.field import Vector
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.protocols import compare
from steelyard.protocols.bits import open_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.multiply import multiply
from steelyard.protocols.streaming import streamed
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, broadcast
from steelyard.sharing import shamir

Prepared = tuple[Vector, ...]


@dataclass(frozen=True)
class Program:
    prepare: Callable[[Membership, PartyId, int], Prepared]
    compute: Callable[[Circle, Prepared], Protocol[Any]]
    open: Callable[[Circle, Any], Protocol[bytes]]


def operands(size: int) -> tuple[Values, Values]:
    """What is compared and multiplied: signed, below 2^29 in size, so that products fit."""
    return vector(0, size) % (1 << 29), vector(1, size) % (1 << 29)


def _prepare(membership: Membership, me: PartyId, size: int) -> Prepared:
    """This party's shares; every party draws the same polynomials."""
    return tuple(_share(values, index, membership, me) for index, values in enumerate(operands(size)))


def _share(values: Values, index: int, membership: Membership, me: PartyId) -> Vector:
    points = [membership.points[party] for party in membership.parties]
    stream = Keystream(bytes([index]) * 32)
    return shamir.share(field.from_signed(values), membership.threshold, points, stream)[membership.points[me]]


def _compare(circle: Circle, prepared: Prepared) -> Protocol[Any]:
    return (yield from streamed(circle, compare.less, *prepared))


def _multiply(circle: Circle, prepared: Prepared) -> Protocol[Any]:
    return (yield from streamed(circle, multiply, *prepared, piece=1 << 17))


def _open_bits(circle: Circle, result: Any) -> Protocol[bytes]:
    return (yield from open_bits(circle, "open", result)).tobytes()


def _open_values(circle: Circle, result: Any) -> Protocol[bytes]:
    heard = yield broadcast("open", field.to_bytes(result), circle.others)
    shares = {circle.points[party]: field.from_bytes(message, result.size) for party, message in heard.items()}
    return field.to_bytes(shamir.reconstruct({**shares, circle.points[circle.me]: result}, circle.threshold))


PROGRAMS: Final = {
    "compare": Program(_prepare, _compare, _open_bits),
    "multiply": Program(_prepare, _multiply, _open_values),
}


def expected(name: str, size: int) -> bytes:
    left, right = operands(size)
    if name == "multiply":
        return field.to_bytes(field.from_signed(left * right))
    bits = np.packbits(left < right, bitorder="little").tobytes()
    return bits + bytes(-len(bits) % 8)
