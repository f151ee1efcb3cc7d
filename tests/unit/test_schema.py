"""Schemas: declared, inferred, described."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from steelyard.errors import Invalid, NotFound
from steelyard.tables import schema
from steelyard.tables.schema import BOUND, Schema

DECLARED = """
[columns.segment]
type = "text"
groups = ["retail", "public"]
[columns.opened]
type = "date"
[columns.balance]
type = "decimal"
decimals = 3
minimum = -0.5
maximum = "1000.125"
[columns.rows]
type = "integer"
"""


def test_a_declared_schema_keeps_order_types_and_bounds_in_minor_units() -> None:
    declared = schema.parse(DECLARED)
    assert declared.names == ("segment", "opened", "balance", "rows")
    balance = declared.column("balance")
    assert (balance.minimum, balance.maximum, balance.unit) == (-500, 1_000_125, 1_000)
    assert balance.bound == 1_000_125
    assert (declared.column("rows").low, declared.column("rows").high) == (1 - BOUND, BOUND - 1)


def test_a_description_reads_back_and_shows_only_declared_bounds() -> None:
    declared = schema.parse(DECLARED)
    described = declared.describe()
    assert schema.from_description(described) == declared
    assert described["columns"][2] == {  # type: ignore[index]
        "name": "balance",
        "type": "decimal",
        "decimals": 3,
        "minimum": "-0.500",
        "maximum": "1000.125",
    }
    assert described["columns"][3] == {"name": "rows", "type": "integer"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "columns"),
        ("[columns]", "at least one"),
        ("[columns.a]\ntype='text'\nsize=3", "size"),
        ("[columns.a]\ntype='money'", "columns"),
        ("[columns.a]\ntype='decimal'", "decimals"),
        ("[columns.a]\ntype='decimal'\ndecimals=7", "decimals"),
        ("[columns.a]\ntype='integer'\ndecimals=2", "decimals"),
        ("[columns.a]\ntype='integer'\nminimum=0.5", "minimum"),
        ("[columns.a]\ntype='integer'\nminimum='Infinity'", "minimum"),
        ("[columns.a]\ntype='integer'\nmaximum=576460752303423488", "maximum"),
        ("[columns.a]\ntype='integer'\nmaximum='1E+999999'", "maximum"),
        ("[columns.a]\ntype='integer'\nminimum=2\nmaximum=1", "above"),
        ("[columns.a]\ntype='date'\nminimum=2", "minimum"),
        ("[columns.a]\ntype='date'\ngroups=['x']", "groups"),
        ("[columns.a]\ntype='text'\ngroups=['x','x']", "twice"),
        ("[columns.'a b']\ntype='text'", "column name"),
        ("columns = 3", "columns"),
        ("not toml", "not a schema"),
    ],
)
def test_a_wrong_schema_is_refused_and_the_key_named(text: str, names: str) -> None:
    with pytest.raises(Invalid, match=names):
        schema.parse(text)


def test_a_schema_file_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "accounts.schema.toml"
    with pytest.raises(Invalid, match=r"accounts\.schema\.toml"):
        schema.load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(Invalid, match=r"accounts\.schema\.toml: not UTF-8"):
        schema.load(path)
    path.write_text(DECLARED)
    assert schema.load(path) == schema.parse(DECLARED)


def test_inference_reads_the_first_row_and_treats_every_number_alike() -> None:
    header = ["a", "b", "c", "d", "e", "f", "g"]
    texts = ["12", "-1.5", "2020-01-31", "TRUE", "2020-02-31", "", "12345678901234567890"]
    kinds = [each.kind for each in schema.infer(header, texts).columns]
    assert kinds == ["decimal", "decimal", "date", "boolean", "text", "text", "text"]
    assert schema.infer(["a"], ["12"]) == schema.infer(["a"], ["0.25"]) == schema.infer(["a"], [Decimal(3)])
    typed = schema.infer(["a", "b", "c", "d"], [1.5, True, datetime.date(2020, 1, 1), None])
    assert [each.kind for each in typed.columns] == ["decimal", "boolean", "date", "text"]


def test_an_unknown_column_is_not_found() -> None:
    with pytest.raises(NotFound):
        schema.parse(DECLARED).column("Balance")


def test_two_columns_of_one_name_are_refused() -> None:
    column = schema.parse(DECLARED).columns[0]
    with pytest.raises(Invalid, match="same name"):
        schema.from_description(Schema(columns=(column, column)).describe())
