"""Scores: a requester's private weights times what is public about which features there are.

A score is a sum of features, each an item over total assets or total liabilities, times weights.  Features over the
same denominator are added before the one division.  `constant` is 1: its weight is the model's intercept.

Altman's Z'' (1995; for firms that make nothing, or not listed): 6.56 working capital, 3.26 retained earnings and 6.72
EBIT, each over total assets, and 1.05 equity over total liabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.ckks.division import normalised
from steelyard.ckks.profiles import Profile
from steelyard.ckks.ratios import Ratio
from steelyard.ckks.statements import ABSENT, BEYOND, FINE, UNDEFINED, Statements, Term
from steelyard.errors import Invalid

MAX_WEIGHT: Final = 50.0
MAX_FEATURE: Final = 20.0  # a firm with a larger feature gets no score
CONSTANT: Final = "constant"
_ASSETS, _LIABILITIES = "total_assets", "total_liabilities"


def _over(denominator: str, *items: str) -> Ratio:
    return Ratio(Term(items), Term((denominator,)))


FEATURES: Final = {
    "working_capital": _over(_ASSETS, "current_assets", "-current_liabilities"),
    "retained_earnings": _over(_ASSETS, "retained_earnings"),
    "ebit": _over(_ASSETS, "ebit"),
    "net_income": _over(_ASSETS, "net_income"),
    "revenue": _over(_ASSETS, "revenue"),
    CONSTANT: _over(_ASSETS, _ASSETS),
    "equity_to_liabilities": _over(_LIABILITIES, "equity"),
}
ALTMAN_Z2: Final = {"working_capital": 6.56, "retained_earnings": 3.26, "ebit": 6.72, "equity_to_liabilities": 1.05}


def ordered(names: Sequence[str]) -> tuple[str, ...]:
    """The features in the order of their encryption; raises Invalid for one that is none."""
    for name in names:
        if name not in FEATURES:
            raise Invalid(f"there is no feature {name[:40]!r}: {', '.join(FEATURES)}")
    return tuple(name for name in FEATURES if name in names)


def groups(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Features by denominator."""
    below = dict.fromkeys(FEATURES[name].denominator for name in ordered(names))
    return tuple(tuple(name for name in ordered(names) if FEATURES[name].denominator == each) for each in below)


def columns(names: Sequence[str]) -> tuple[str, ...]:
    """The items of a statement that these features need."""
    return tuple(dict.fromkeys(column for name in ordered(names) for column in FEATURES[name].columns))


def encoded(profile: Profile, weight: float) -> tuple[int, ...]:
    """A weight at the profile's scale, modulo each prime of fresh ciphertexts; raises Invalid for one out of range."""
    if not (math.isfinite(weight) and abs(weight) <= MAX_WEIGHT):
        raise Invalid(f"a weight is a number from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}")
    return tuple(round(weight * profile.scale) % prime for prime in profile.fresh.primes)


def features(
    profile: Profile, statements: Statements, names: Sequence[str]
) -> tuple[list[list[NDArray[np.float64]]], list[NDArray[np.float64]], NDArray[np.int8]]:
    """Per group its numerators and its denominator, (rows,) each, and the state of each row's score.

    A row without a score is 0 / 1 throughout.
    """
    states = np.full(statements.rows, FINE, dtype=np.int8)
    for name in names:
        above, below = _amounts(statements, name)
        states[np.abs(above) > MAX_FEATURE * np.abs(below)] = BEYOND
    for name in names:
        states[_amounts(statements, name)[1] == 0] = UNDEFINED
    if not statements.has(*columns(names)):
        states[:] = ABSENT
    fine = states == FINE
    numerators, denominators = [], []
    for group in groups(names):
        below = np.where(fine, _amounts(statements, group[0])[1], 1.0)
        pairs = [normalised(profile.plan, np.where(fine, _amounts(statements, each)[0], 0.0), below) for each in group]
        numerators.append([pair.numerators for pair in pairs])
        denominators.append(pairs[0].denominators)
    return numerators, denominators, states


def score(weights: Mapping[str, float], values: Mapping[str, float]) -> float:
    """In the clear, from features."""
    return sum(weight * values[name] for name, weight in weights.items())


def _amounts(statements: Statements, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Zeros where an item is missing."""
    feature = FEATURES[name]
    if not statements.has(*feature.columns):
        return np.zeros(statements.rows), np.zeros(statements.rows)
    return (
        statements.amount(feature.numerator).astype(np.float64),
        statements.amount(feature.denominator).astype(np.float64),
    )
