"""Typed columns back to text, as an owner would write them: the inverse of `steelyard.tables.cells`."""

from __future__ import annotations

import polars as pl

from steelyard import fixedpoint
from steelyard.tables.schema import Column, Schema


def rows(frame: pl.DataFrame, schema: Schema) -> list[tuple[str, ...]]:
    """One tuple of texts for each row, in the schema's order."""
    return list(zip(*(_texts(frame.get_column(each.name), each) for each in schema.columns), strict=True))


def _texts(values: pl.Series, column: Column) -> list[str]:
    if column.numeric:
        return [fixedpoint.format(each, column.decimals) for each in values]
    if column.kind == "boolean":
        return ["true" if each else "false" for each in values]
    return [str(each) for each in values]
