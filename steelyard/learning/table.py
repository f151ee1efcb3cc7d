"""A table's columns as a model takes them: numbers in units, texts as 0/1 columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steelyard.errors import Invalid
from steelyard.learning.asking import Floats
from steelyard.learning.records import Feature, records
from steelyard.tables.reader import Table


def columns_of(features: Sequence[Feature], table: Table) -> Floats:
    """(rows, columns).  Raises NotFound for a column that is missing, Invalid for one of another type."""
    found: dict[str, Floats | Sequence[str]] = {}
    for feature in features:
        column = table.schema.column(feature.name)
        if column.numeric == bool(feature.groups):
            raise Invalid(f"the model takes {feature.name} as a {'text' if feature.groups else 'number'}")
        values = table.frame.get_column(feature.name)
        found[feature.name] = (
            values.to_list() if feature.groups else values.to_numpy().astype(np.float64) / 10**column.decimals
        )
    return records(features, found, np.zeros(table.frame.height), 0.0, 0).raw
