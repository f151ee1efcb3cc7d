"""Which values on a polynomial are wrong: unique decoding of a Reed-Solomon word over GF(2^61-1), in Python integers.

With r values of a polynomial of degree below k, up to (r-k)//2 wrong ones are found, and provably no right one is
blamed: two polynomials that each miss at most (r-k)//2 of the values agree in k points, so they are one.

Reference    S. Gao, A new algorithm for decoding Reed-Solomon codes (2003)

Polynomials are lists of coefficients, lowest first, without leading zeros; [] is zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from steelyard.errors import Invalid
from steelyard.field import P

Polynomial = list[int]


def wrong_points(word: Mapping[int, int], threshold: int) -> set[int] | None:
    """The points whose value is off the one polynomial of degree below `threshold` that fits best.

    None when no polynomial fits all but (r - threshold)//2 of the r values.
    """
    if len(word) < threshold or len({x % P for x in word}) != len(word):
        raise Invalid("decoding needs distinct points, at least as many as the threshold")
    polynomial = _decode(list(word), list(word.values()), threshold)
    if polynomial is None:
        return None
    wrong = {x for x, y in word.items() if _at(polynomial, x) != y % P}
    return wrong if 2 * len(wrong) <= len(word) - threshold else None


def _decode(xs: list[int], ys: list[int], threshold: int) -> Polynomial | None:
    modulus: Polynomial = [1]
    for x in xs:
        modulus = _multiply(modulus, [-x % P, 1])
    previous, current = modulus, _interpolate(xs, ys)
    before, locator = _ZERO, _ONE
    while 2 * (len(current) - 1) >= len(xs) + threshold:
        quotient, remainder = _divide(previous, current)
        previous, current = current, remainder
        before, locator = locator, _subtract(before, _multiply(quotient, locator))
    polynomial, remainder = _divide(current, locator)
    return None if remainder or len(polynomial) > threshold else polynomial


_ZERO: Polynomial = []
_ONE: Polynomial = [1]


def _interpolate(xs: list[int], ys: list[int]) -> Polynomial:
    """Newton's form: one more point adds a multiple of the product of (x - earlier points)."""
    polynomial, product = _ZERO, _ONE
    for x, y in zip(xs, ys, strict=True):
        step = (y - _at(polynomial, x)) * pow(_at(product, x), -1, P) % P
        polynomial = _subtract(polynomial, [-step * c % P for c in product])
        product = _multiply(product, [-x % P, 1])
    return polynomial


def _at(polynomial: Polynomial, x: int) -> int:
    value = 0
    for c in reversed(polynomial):
        value = (value * x + c) % P
    return value


def _multiply(a: Polynomial, b: Polynomial) -> Polynomial:
    out = [0] * max(len(a) + len(b) - 1, 0)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] = (out[i + j] + x * y) % P
    return _trim(out)


def _subtract(a: Polynomial, b: Polynomial) -> Polynomial:
    length = max(len(a), len(b))
    padded = zip(a + [0] * (length - len(a)), b + [0] * (length - len(b)), strict=True)
    return _trim([(x - y) % P for x, y in padded])


def _divide(a: Polynomial, b: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder; b is not zero."""
    quotient, rest, inverse = [0] * max(len(a) - len(b) + 1, 0), list(a), pow(b[-1], -1, P)
    for shift in reversed(range(len(quotient))):
        factor = quotient[shift] = rest[shift + len(b) - 1] * inverse % P
        for i, c in enumerate(b):
            rest[shift + i] = (rest[shift + i] - factor * c) % P
    return _trim(quotient), _trim(rest)


def _trim(polynomial: Polynomial) -> Polynomial:
    while polynomial and polynomial[-1] == 0:
        polynomial.pop()
    return polynomial
