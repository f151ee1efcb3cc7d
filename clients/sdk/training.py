"""What there is to learn from: the columns that every owner describes, as features of a training request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steelyard.errors import Invalid, NotFound

from .results import Column, Party

Limits = Mapping[str, tuple[float, float]]


def features(
    parties: Iterable[Party], dataset: str, target: str, only: Sequence[str] = (), limits: Limits | None = None
) -> list[dict[str, Any]]:
    """All numbers and texts with declared groups but the target, or those named in `only`.

    `limits` are public least and largest values of numbers, by default those that all owners declare; training with
    noise needs them.  Raises NotFound for a dataset or column that nobody describes, Invalid for one that parties
    describe differently or that is no feature.
    """
    described = [each for party in parties for each in party.datasets if each.name == dataset]
    if not described:
        raise NotFound(f"no party describes a dataset {dataset[:60]!r}")
    first = {column.name: column for column in described[0].columns}
    if any({column.name: column for column in each.columns} != first for each in described):
        raise Invalid(f"the owners describe {dataset} differently: agree on one schema and import again")
    missing = [name for name in (target, *only) if name not in first]
    if missing:
        raise NotFound(f"{dataset} has no column {missing[0][:60]!r}")
    unfit = [name for name in only if name == target or not _fit(first[name])]
    if unfit:
        raise Invalid(f"{unfit[0]} is the target, or neither a number nor a text with declared groups")
    strange = [name for name in limits or () if name not in first or first[name].groups]
    if strange:
        raise Invalid(f"{strange[0][:60]} has limits, but is no number of {dataset}: {', '.join(sorted(first))}")
    chosen = [column for column in first.values() if column.name != target and _fit(column)]
    return [_feature(column, limits or {}) for column in chosen if not only or column.name in only]


def _fit(column: Column) -> bool:
    return column.type in ("integer", "decimal") or (column.type == "text" and bool(column.groups))


def _feature(column: Column, limits: Limits) -> dict[str, Any]:
    if column.groups:
        return {"name": column.name, "groups": list(column.groups)}
    declared = (float(column.minimum), float(column.maximum)) if column.minimum and column.maximum else (0.0, 0.0)
    low, high = limits.get(column.name, declared)
    return {"name": column.name, "low": low, "high": high}
