"""Scaling: columns of all parties come to mean 0 and variance 1 by securely summed moments, or to [-1, 1] by limits.

Every bound below is certain, whatever the data: with the mean m of N values, |x - m| adds up to N d for the mean
deviation d, so ((x - m)/d)^2 to at most N^2; and standardised squares add up to N.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from steelyard.errors import GroupTooSmall, Invalid
from steelyard.learning.asking import Ask, Floats, Steps
from steelyard.learning.records import Records

MAX_ROWS: Final = 1 << 26
LEAST_ROWS: Final = 20
_SIZE: Final = 2.0**40  # that a column's values add up to, at most, at a party


@dataclass(frozen=True, slots=True)
class Scaling:
    """z = (x - centre) / width.  `rows` is how many there are to train on, of all parties; with noise, about."""

    centre: Floats
    width: Floats
    deviation: Floats  # the mean one, for bins
    rows: float

    def apply(self, raw: Floats) -> Floats:
        scaled: Floats = (raw - self.centre) / self.width
        return scaled


@dataclass(frozen=True, slots=True)
class Prepared:
    """A party's rows, scaled; `beyond` counts the values that its limits have cut, which only it knows."""

    scaling: Scaling
    x: Floats = field(repr=False)
    y: Floats = field(repr=False)
    test_x: Floats = field(repr=False)
    test_y: Floats = field(repr=False)
    beyond: int = 0


def standardised(records: Records) -> Steps[Prepared]:
    """Three exact sums.  A column that is the same everywhere becomes zeros."""
    x = records.raw[~records.test]
    sums = yield Ask("sums", np.array([len(x), *x.sum(axis=0)]), _SIZE)
    rows = float(round(sums[0]))
    if rows < LEAST_ROWS:
        raise GroupTooSmall(f"all parties together have fewer than {LEAST_ROWS} rows to train on")
    centre = sums[1:] / rows
    deviations = yield Ask("deviations", np.abs(x - centre).sum(axis=0), _SIZE)
    deviation = deviations / rows
    still = deviation < 2.0**-20 * (1 + np.abs(centre))
    deviation = np.where(still, 1.0, deviation)
    squares = np.where(still, 0.0, ((x - centre) / deviation) ** 2)
    variances = yield Ask("variances", squares.sum(axis=0), rows * rows)
    width = np.where(still, np.inf, deviation * np.sqrt(np.maximum(variances, 2.0**-20) / rows))
    return prepared(records, Scaling(centre, width, deviation, rows))


def limited(records: Records, counted: bool = True) -> Steps[Prepared]:
    """By public limits; one sum, of numbers of rows, with noise.  Values beyond a limit count as the limit.

    Without `counted` nothing is asked, and the number of rows is not known: a party could change it by any number.
    """
    if not all(feature.limited for feature in records.features):
        raise Invalid("training with noise needs low and high limits of every number among the features")
    low = np.concatenate([np.full(f.width, 0.0 if f.groups else f.low) for f in records.features])
    high = np.concatenate([np.full(f.width, 1.0 if f.groups else f.high) for f in records.features])
    mine, count = np.array([float(np.count_nonzero(~records.test))]), np.zeros(1)
    if counted:
        count = yield Ask("rows", mine, MAX_ROWS, sensitivity=1.0)
    centre, width = (low + high) / 2, (high - low) / 2
    scaling = Scaling(centre, width, width / 2, max(float(round(count[0])), LEAST_ROWS))
    inside = np.clip(records.raw, low, high)
    beyond = int(np.count_nonzero(inside != records.raw))
    cut = Records(records.features, inside, records.target, records.test)
    return prepared(cut, scaling, beyond)


def prepared(records: Records, scaling: Scaling, beyond: int = 0) -> Prepared:
    z, test = scaling.apply(records.raw), records.test
    return Prepared(scaling, z[~test], records.target[~test], z[test], records.target[test], beyond)
