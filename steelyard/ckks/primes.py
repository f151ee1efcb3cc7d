"""Primes for which polynomials modulo X^N + 1 split into N linear factors: those that leave 1 modulo 2N."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from steelyard.errors import Invalid

_WITNESSES: Final = (
    2,
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
)  # enough for every number below 2^64 (Sorenson, Webster)


def chain(degree: int, bits: Sequence[int]) -> tuple[int, ...]:
    """One prime for each size, all different, each the largest that is left; equal everywhere."""
    found: dict[int, list[int]] = {}
    for size in bits:
        taken = found.setdefault(size, [])
        taken.append(_next(degree, taken[-1] if taken else (1 << size) + 1))
    return tuple(found[size].pop(0) for size in bits)


@cache
def smallest_root(degree: int, prime: int) -> int:
    """The smallest primitive root of unity of order 2N: SEAL chooses the same."""
    root = next(r for x in range(2, prime) if pow(r := pow(x, (prime - 1) // (2 * degree), prime), degree, prime) != 1)
    square, smallest, power = root * root % prime, root, root
    for _ in range(degree - 1):
        power = power * square % prime
        smallest = min(smallest, power)
    return smallest


def _next(degree: int, above: int) -> int:
    step = 2 * degree
    candidate = (above - 2) // step * step + 1
    while candidate >= above or not is_prime(candidate):
        candidate -= step
        if candidate <= step:
            raise Invalid("there are not so many primes of this size")
    return candidate


def is_prime(number: int) -> bool:
    """Miller and Rabin; exact below 2^64."""
    if number < 2 or any(number % each == 0 for each in _WITNESSES):
        return number in _WITNESSES
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, witness, odd, twos) for witness in _WITNESSES)


def _passes(number: int, witness: int, odd: int, twos: int) -> bool:
    power = pow(witness, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
