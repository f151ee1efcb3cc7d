"""Which rows a request selects, in a normal form: two filters that mean the same read the same.

All terms on one column are intersected to a set of values or an interval.  A contradiction is the empty set and prints
as `column IN ()`: no row, but the column was asked about, and the owner's policy has a say in that.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from steelyard.errors import Invalid
from steelyard.tables.terms import MAX_TERMS, MAX_TEXT, Term, Value, column_name, number, terms


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of an interval."""

    value: Value
    closed: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """Sorted, distinct values; none is the contradiction."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """At least one end is given, and more than one value fits between two."""

    low: Bound | None
    high: Bound | None


Condition = OneOf | Interval
NEVER: Final = OneOf(())
MOST: Final = 10**100  # of a number given as an object; its text stays short


@dataclass(frozen=True, slots=True)
class Filter:
    """What every selected row satisfies, by column in alphabetical order; no condition selects every row."""

    conditions: tuple[tuple[str, Condition], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for column, _ in self.conditions)

    @property
    def never(self) -> bool:
        """Whether no row can satisfy it."""
        return any(condition == NEVER for _, condition in self.conditions)

    @property
    def text(self) -> str:
        """Canonical: equal filters have equal texts, and `parse(text)` gives the filter back."""
        return " AND ".join(_rendered(column, condition) for column, condition in self.conditions)

    def with_value(self, column: str, value: str | int | Decimal | bool | datetime.date) -> Filter:
        """This filter and `column = value`: one cell of a group-by.  Raises Invalid."""
        term = Term(column_name(column), "=", (_value(value),))
        return _normal((*self.conditions, (column, _condition(term))))


def parse(text: str) -> Filter:
    """The filter a `--where` writes; an empty text selects every row.  Raises Invalid, naming the problem."""
    return _normal((each.column, _condition(each)) for each in terms(text))


def _normal(conditions: Iterable[tuple[str, Condition]]) -> Filter:
    merged: dict[str, Condition] = {}
    for column, condition in conditions:
        before = merged.get(column)
        merged[column] = condition if before is None else _both(column, before, condition)
    if len(merged) > MAX_TERMS:
        raise Invalid(f"a filter has at most {MAX_TERMS} terms")
    normal = Filter(tuple(sorted(merged.items(), key=operator.itemgetter(0))))
    if len(normal.text) > MAX_TEXT:
        raise Invalid(f"a filter has at most {MAX_TEXT} characters, in its normal form too")
    return normal


def _value(value: str | int | Decimal | bool | datetime.date) -> Value:
    if isinstance(value, datetime.datetime) or (isinstance(value, Decimal) and not value.is_finite()):
        raise Invalid("a filter's value is a text, a finite number, a date or a truth value")
    if isinstance(value, int | Decimal) and abs(Decimal(value)) >= MOST:
        raise Invalid("a filter's number is too large")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return (
        value if isinstance(value, str | bool) else number(f"{value:f}" if isinstance(value, Decimal) else str(value))
    )


def _condition(term: Term) -> Condition:
    _one_type(term.column, term.values)
    match term.operator:
        case "=" | "IN":
            return _one_of(term.values)
        case "BETWEEN":
            return _interval(Bound(term.values[0], True), Bound(term.values[1], True))
        case "<" | "<=":
            return Interval(None, Bound(term.values[0], term.operator == "<="))
        case ">" | ">=":
            return Interval(Bound(term.values[0], term.operator == ">="), None)


def _both(column: str, one: Condition, other: Condition) -> Condition:
    _one_type(column, (*_values(one), *_values(other)))
    if isinstance(one, OneOf):
        return OneOf(tuple(each for each in one.values if _fits(each, other)))
    if isinstance(other, OneOf):
        return OneOf(tuple(each for each in other.values if _fits(each, one)))
    # A higher low end is stricter, and an open one stricter than a closed one at the same value; likewise the high end.
    low = _stricter(one.low, other.low, max, lambda bound: not bound.closed)
    high = _stricter(one.high, other.high, min, lambda bound: bound.closed)
    return _interval(low, high)


def _stricter(
    one: Bound | None, other: Bound | None, pick: Callable[..., Bound], rank: Callable[[Bound], bool]
) -> Bound | None:
    if one is None or other is None:
        return one or other
    return pick(one, other, key=lambda bound: (bound.value, rank(bound)))


def _interval(low: Bound | None, high: Bound | None) -> Condition:
    if low is not None and high is not None:
        if _less(high.value, low.value):
            return NEVER
        if low.value == high.value:
            return OneOf((low.value,)) if low.closed and high.closed else NEVER
    return Interval(low, high)


def _one_of(values: Iterable[Value]) -> OneOf:
    return OneOf(tuple(sorted(set(values))))


def _fits(value: Value, condition: Condition) -> bool:
    if isinstance(condition, OneOf):
        return value in condition.values
    low, high = condition.low, condition.high
    above = low is None or _less(low.value, value) or (low.closed and low.value == value)
    return above and (high is None or _less(value, high.value) or (high.closed and high.value == value))


def _values(condition: Condition) -> tuple[Value, ...]:
    if isinstance(condition, OneOf):
        return condition.values
    return tuple(bound.value for bound in (condition.low, condition.high) if bound is not None)


def _one_type(column: str, values: Iterable[Value]) -> None:
    if len({type(each) for each in values}) > 1:
        raise Invalid(f"the filter compares column {column} with values of different types")


def _less(one: Value, other: Value) -> bool:
    return bool(operator.lt(one, other))  # one type, by _one_type


def _rendered(column: str, condition: Condition) -> str:
    if isinstance(condition, OneOf):
        if len(condition.values) == 1:
            return f"{column} = {_literal(condition.values[0])}"
        return f"{column} IN ({', '.join(map(_literal, condition.values))})"
    low, high = condition.low, condition.high
    if low and high and low.closed and high.closed:
        return f"{column} BETWEEN {_literal(low.value)} AND {_literal(high.value)}"
    ends = [(">", low), ("<", high)]
    return " AND ".join(f"{column} {sign}{'=' if b.closed else ''} {_literal(b.value)}" for sign, b in ends if b)


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).upper() if isinstance(value, bool) else f"{value:f}"
