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

from steelyard.ckks.profiles import Profile
from steelyard.ckks.ratios import Ratio
from steelyard.ckks.statements import ABSENT, BEYOND, FINE, UNDEFINED, Quotients, Statements, Term, quotients
from steelyard.errors import Invalid

MAX_WEIGHT: Final = 50.0
MAX_FEATURE: Final = 20.0  # a firm with a larger feature gets no score
DECIMALS: Final = 6  # that features are rounded to: all that weights out of range could show of one
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
) -> tuple[list[NDArray[np.float64]], NDArray[np.int8]]:
    """Per group the (features, rows) quotients, each rounded, and the state of each row's score.

    A row without a score is 0 throughout.
    """
    made = {name: _quotients(statements, name) for name in ordered(names)}
    states = np.full(statements.rows, FINE, dtype=np.int8)
    for state in (BEYOND, UNDEFINED):
        for each in made.values():
            states[each.states == state] = state
    if not statements.has(*columns(names)):
        states[:] = ABSENT
    fine = states == FINE
    return [np.stack([np.where(fine, made[name].values, 0.0) for name in group]) for group in groups(names)], states


def score(weights: Mapping[str, float], values: Mapping[str, float]) -> float:
    """In the clear, from features."""
    return sum(weight * values[name] for name, weight in weights.items())


def _quotients(statements: Statements, name: str) -> Quotients:
    """Zeros where an item is missing."""
    feature, nothing = FEATURES[name], np.zeros(statements.rows, dtype=object)
    if not statements.has(*feature.columns):
        return quotients(MAX_FEATURE, DECIMALS, nothing, nothing)
    above, below = statements.amount(feature.numerator), statements.amount(feature.denominator)
    return quotients(MAX_FEATURE, DECIMALS, above, below)
