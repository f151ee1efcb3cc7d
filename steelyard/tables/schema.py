"""What a dataset's columns are: declared in TOML, or inferred from a header and the first row.

    [columns.segment]
    type = "text"
    groups = ["retail", "corporate", "public"]

    [columns.balance]
    type = "decimal"
    decimals = 2
    minimum = "0.00"

Numbers live as exact integers of minor units: 12.50 with two decimals is 1250.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from steelyard import records
from steelyard.errors import Invalid, NotFound
from steelyard.ids import identifier

Kind = Literal["text", "integer", "decimal", "date", "boolean"]
Cell = str | int | float | bool | Decimal | datetime.date | None

BOUND: Final = 1 << 59  # |value| stays below this many minor units
MAX_COLUMNS: Final = 1_000
MAX_SCHEMA_BYTES: Final = 1 << 20
INFERRED_DECIMALS: Final = 2

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class _Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column as written in TOML and in the catalogue."""

    type: Kind
    decimals: Annotated[int, msgspec.Meta(ge=0, le=6)] | None = None
    groups: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=200)], ...], msgspec.Meta(max_length=1_000)] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None


class _Named(_Declared, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    columns: dict[str, _Declared]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column.  `low` and `high` are inclusive, in minor units; `bounded` says whether the owner declared them."""

    name: str
    kind: Kind
    decimals: int = 0
    groups: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    @property
    def numeric(self) -> bool:
        return self.kind in ("integer", "decimal")

    @property
    def unit(self) -> int:
        """Minor units in one unit."""
        return int(10**self.decimals)

    @property
    def bound(self) -> int:
        """No value is larger than this in size, in minor units."""
        return max(abs(self.low), abs(self.high))

    @property
    def low(self) -> int:
        return 1 - BOUND if self.minimum is None else self.minimum

    @property
    def high(self) -> int:
        return BOUND - 1 if self.maximum is None else self.maximum

    def describe(self) -> dict[str, object]:
        """What the public catalogue says of this column: no data, and bounds only if declared."""
        described = _Named(
            name=self.name,
            type=self.kind,
            decimals=self.decimals if self.kind == "decimal" else None,
            groups=self.groups,
            minimum=_major(self.minimum, self.decimals),
            maximum=_major(self.maximum, self.decimals),
        )
        return dict(msgspec.to_builtins(described))


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one dataset, in order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.columns)

    def column(self, name: str) -> Column:
        """Raises NotFound."""
        found = next((each for each in self.columns if each.name == name), None)
        if found is None:
            raise NotFound(f"there is no column {name[:60]!r}")
        return found

    def describe(self) -> dict[str, object]:
        """JSON-able description; `from_description` reads it back."""
        return {"columns": [each.describe() for each in self.columns]}


def load(path: Path) -> Schema:
    """The schema declared in a TOML file.  Raises Invalid, naming the file and the key."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SCHEMA_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{path.name}: cannot be read ({error.strerror})") from None
    if len(text) > MAX_SCHEMA_BYTES:
        raise Invalid(f"{path.name}: larger than {MAX_SCHEMA_BYTES} bytes")
    try:
        return parse(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise Invalid(f"{path.name}: not UTF-8") from None
    except Invalid as error:
        raise Invalid(f"{path.name}: {error.message}") from None


def parse(text: str) -> Schema:
    """The schema declared in TOML text.  Raises Invalid, naming the key."""
    try:
        document = records.from_plain(tomllib.loads(text, parse_float=Decimal), _Document)
    except (tomllib.TOMLDecodeError, records.DecodeError, RecursionError) as error:
        raise Invalid(f"not a schema: {error}") from None
    return _schema([_column(name, each) for name, each in document.columns.items()])


def from_description(description: object) -> Schema:
    """The schema behind a `describe()`.  Raises Invalid."""
    try:
        named = records.from_plain(description, dict[Literal["columns"], tuple[_Named, ...]])["columns"]
    except (records.DecodeError, KeyError) as error:
        raise Invalid(f"not a schema description: {error}") from None
    return _schema([_column(each.name, each) for each in named])


def infer(header: Sequence[str], row: Sequence[Cell]) -> Schema:
    """The schema of undeclared data, from its header and its first row.

    Every number is a decimal with two decimals, integers included, so that parties whose first rows differ agree.
    """
    if len(header) != len(row):
        raise Invalid(f"the first row has {len(row)} cells, the header {len(header)}")
    return _schema([_inferred(name, cell) for name, cell in zip(header, row, strict=True)])


def iso_date(text: str) -> datetime.date | None:
    """The day `YYYY-MM-DD` names, None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _schema(columns: Sequence[Column]) -> Schema:
    if not columns:
        raise Invalid("a schema needs at least one column")
    if len(columns) > MAX_COLUMNS:
        raise Invalid(f"more than {MAX_COLUMNS} columns")
    names = [each.name for each in columns]
    if len(set(names)) < len(names):
        raise Invalid("two columns have the same name")
    return Schema(columns=tuple(columns))


def _column(name: str, declared: _Declared) -> Column:
    identifier(name, "column")
    numeric = declared.type in ("integer", "decimal")
    if declared.type == "decimal" and declared.decimals is None:
        raise Invalid(f"column {name}: a decimal column declares its `decimals` (0 to 6)")
    if declared.type != "decimal" and declared.decimals is not None:
        raise Invalid(f"column {name}: only decimal columns have `decimals`")
    if declared.groups and declared.type != "text":
        raise Invalid(f"column {name}: only text columns have `groups`")
    if len(set(declared.groups)) < len(declared.groups) or any("\0" in each for each in declared.groups):
        raise Invalid(f"column {name}: a group is listed twice or holds a NUL character")
    if not numeric and (declared.minimum is not None or declared.maximum is not None):
        raise Invalid(f"column {name}: only number columns have a `minimum` or `maximum`")
    decimals = declared.decimals or 0
    column = Column(
        name=name,
        kind=declared.type,
        decimals=decimals,
        groups=declared.groups,
        minimum=_minor(declared.minimum, decimals, f"column {name}: minimum"),
        maximum=_minor(declared.maximum, decimals, f"column {name}: maximum"),
    )
    if column.low > column.high:
        raise Invalid(f"column {name}: the minimum is above the maximum")
    return column


def _minor(value: Decimal | None, decimals: int, what: str) -> int | None:
    if value is None:
        return None
    if not value.is_finite() or value.adjusted() > 30:
        raise Invalid(f"{what} is no number within range")
    with localcontext(prec=80):
        scaled = value.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        raise Invalid(f"{what} has more than {decimals} decimals")
    if abs(scaled) >= BOUND:
        raise Invalid(f"{what} is beyond 2^59 minor units")
    return int(scaled)


def _major(value: int | None, decimals: int) -> Decimal | None:
    return None if value is None else Decimal(value).scaleb(-decimals)


def _inferred(name: str, cell: Cell) -> Column:
    identifier(name, "column")
    kind = _kind(cell)
    return Column(name=name, kind=kind, decimals=INFERRED_DECIMALS if kind == "decimal" else 0)


def _kind(cell: Cell) -> Kind:
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, int | float | Decimal):
        return "decimal"
    if isinstance(cell, datetime.date):
        return "date"
    text = (cell or "").strip()
    if text.lower() in ("true", "false"):
        return "boolean"
    if iso_date(text):
        return "date"
    # A row of digits too long to be an amount is an account number.
    fits = len(text) <= 40 and _NUMBER.fullmatch(text) and abs(Decimal(text)) < BOUND // 10**INFERRED_DECIMALS
    return "decimal" if fits else "text"
