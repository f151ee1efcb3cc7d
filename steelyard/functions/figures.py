"""Opened field values as figures for people: totals, counts and means by cell, and how wide the noise in them is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steelyard import fixedpoint
from steelyard.documents.attempt import InputSet
from steelyard.errors import Malformed
from steelyard.functions.aggregate import Aggregate, epsilon, released_layers
from steelyard.functions.result_share import Shape
from steelyard.privacy.noise import standard_deviation

Values = NDArray[np.int64]
_MAIN = {"sum": "total", "count": "count", "mean": "mean"}


def figures(function: str, wanted: Aggregate, shape: Shape, values: Values) -> dict[str, Any]:
    """What the result says, as JSON; money as exact decimal strings.  Raises Malformed for too many or few values."""
    columns = _columns(function, wanted, shape, values)
    if wanted.length:
        return {"length": wanted.length}
    cells = list(_cells(function, wanted, shape, columns))
    if not wanted.group_by:
        return cells[0]
    return {"groups": [{"group": name, **cell} for name, cell in zip(wanted.groups, cells, strict=True)]}


def noise(function: str, wanted: Aggregate, input_set: InputSet, threshold: int, decimals: int) -> dict[str, str]:
    """The standard deviation of the noise by layer, so that nobody reads more into a figure than is in it."""
    layers, contributors = released_layers(function), len(input_set.contributions)
    budget = Fraction(epsilon(wanted), len(layers))
    bounds = {"sum": max(each.bound for each in input_set.contributions), "count": 1}
    places = {"sum": decimals, "count": 0}
    width = {
        layer: standard_deviation(budget, bounds[layer], contributors - (threshold - 1), contributors)
        for layer in layers
    }
    return {_MAIN[layer]: fixedpoint.format(round(width[layer]), places[layer]) for layer in layers}


def _columns(function: str, wanted: Aggregate, shape: Shape, values: Values) -> dict[str, Values]:
    layers = released_layers(function)
    kept = wanted.cells - len(shape.suppressed)
    if kept < 0 or len(values) != kept * len(layers) or any(not 0 <= c < wanted.cells for c in shape.suppressed):
        raise Malformed("a result of the wrong size")
    return dict(zip(layers, values.reshape(len(layers), kept), strict=True))


def _cells(function: str, wanted: Aggregate, shape: Shape, columns: Mapping[str, Values]) -> Iterator[dict[str, Any]]:
    hidden, kept = set(shape.suppressed), 0
    for index in range(wanted.cells):
        if index in hidden:
            yield {_MAIN[function]: None, "suppressed": True}
            continue
        yield _cell(function, {layer: int(column[kept]) for layer, column in columns.items()}, shape.decimals)
        kept += 1


def _cell(function: str, layers: Mapping[str, int], decimals: int) -> dict[str, Any]:
    if function == "count":
        return {"count": layers["count"]}
    money = fixedpoint.format(layers["sum"], decimals)
    if function == "sum":
        return {"total": money}
    mean = fixedpoint.quotient(layers["sum"], layers["count"], decimals, decimals + 4) if layers["count"] > 0 else None
    return {"mean": mean, "total": money, "count": layers["count"]}
