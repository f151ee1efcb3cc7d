"""Networks of trade credit like those of clubs and regions, from a seed: the same wherever and whenever made.

Firms have a fitness for owing and one for being owed, both lognormal and alike; amounts are lognormal.  Figures are
those of national and local networks in the open literature (Fleischman, Dini, Littera 2020; MTCS sample networks).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from math import exp
from statistics import NormalDist
from typing import Final

from steelyard.digest import digest
from steelyard.errors import Invalid
from steelyard.randomness import Keystream
from steelyard.setoff.obligations import Obligation

_NORMAL: Final = NormalDist()
_ISSUED: Final = date(2026, 7, 1)
_TERMS: Final = (14, 30, 43, 60)  # days from issue to due date
_ALIKE: Final = 0.7  # how much of a firm's two fitnesses is common
_TRIES: Final = 100  # for every obligation, for a pair of different firms


@dataclass(frozen=True, slots=True)
class Preset:
    """The shape of a network: `spread` is the standard deviation of the logarithm."""

    firms: int
    obligations: int
    fitness_spread: float = 1.0
    amount_spread: float = 1.5
    median: int = 80_000  # minor units


PRESETS: Final[Mapping[str, Preset]] = {
    "club-10": Preset(10, 30),
    "club-30": Preset(30, 120),
    "club-100": Preset(100, 700),
    "core-500": Preset(500, 2_500, fitness_spread=1.3),
    "region-5000": Preset(5_000, 25_000, fitness_spread=1.3, amount_spread=2.0, median=26_000),
}


def generate(preset: Preset | str, seed: int) -> list[Obligation]:
    """Obligations of firms F001, F002 ..; some pairs have several."""
    shape = _named(preset) if isinstance(preset, str) else preset
    if not 2 <= shape.firms <= 100_000 or not 0 <= shape.obligations <= 1_000_000:
        raise Invalid("a network has 2 to 100,000 firms and at most a million obligations")
    numbers = _Numbers(seed, shape)
    debtors, creditors = _fitnesses(numbers, shape)
    names = firms(shape)
    return [
        _obligation(index, names[debtor], names[creditor], numbers, shape)
        for index, (debtor, creditor) in enumerate(_pairs(numbers, shape, debtors, creditors), start=1)
    ]


def firms(preset: Preset | str) -> list[str]:
    """The names of all firms of a network, of those too that nobody owes and that owe nobody."""
    shape = _named(preset) if isinstance(preset, str) else preset
    width = max(3, len(str(shape.firms)))
    return [f"F{index + 1:0{width}}" for index in range(shape.firms)]


def _named(name: str) -> Preset:
    if name not in PRESETS:
        raise Invalid(f"there is no preset of this name; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def _fitnesses(numbers: _Numbers, shape: Preset) -> tuple[list[float], list[float]]:
    """Running totals, for drawing."""
    own = (1 - _ALIKE**2) ** 0.5
    debtors, creditors = [], []
    for _ in range(shape.firms):
        common = numbers.normal()
        debtors.append(exp(shape.fitness_spread * common))
        creditors.append(exp(shape.fitness_spread * (_ALIKE * common + own * numbers.normal())))
    return list(accumulate(debtors)), list(accumulate(creditors))


def _pairs(numbers: _Numbers, shape: Preset, debtors: list[float], creditors: list[float]) -> Iterator[tuple[int, int]]:
    for _ in range(shape.obligations):
        for _ in range(_TRIES):
            debtor, creditor = numbers.drawn(debtors), numbers.drawn(creditors)
            if debtor != creditor:
                break
        else:
            creditor = (debtor + 1) % shape.firms
        yield debtor, creditor


def _obligation(index: int, debtor: str, creditor: str, numbers: _Numbers, shape: Preset) -> Obligation:
    amount = max(1, min(round(shape.median * exp(shape.amount_spread * numbers.normal())), 10**9))
    issued = _ISSUED + timedelta(days=int(numbers.uniform() * 90))
    due = issued + timedelta(days=_TERMS[int(numbers.uniform() * len(_TERMS))])
    return Obligation(str(index), debtor, creditor, amount, "EUR", issued, due)


class _Numbers:
    """Numbers from a stream that seed and shape determine."""

    def __init__(self, seed: int, shape: Preset) -> None:
        self._stream = Keystream(digest("set-off network", repr((seed, shape)).encode()))

    def uniform(self) -> float:
        """Between zero and one, neither of them."""
        return (int.from_bytes(self._stream.bytes(8), "little") >> 12 | 1) / 2**52

    def normal(self) -> float:
        return _NORMAL.inv_cdf(self.uniform())

    def drawn(self, totals: list[float]) -> int:
        return min(bisect_right(totals, self.uniform() * totals[-1]), len(totals) - 1)
