"""The statements that ship as an example: as the script makes them, in balance, with a source for every figure."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from scripts import make_examples, statements
from steelyard.errors import Invalid
from steelyard.tables import reader, schema

FOLDER = make_examples.STATEMENTS
FIRMS = (statements.LISTED, *statements.GENERATED)


def table(firm: str) -> list[dict[str, object]]:
    """The rows as they are imported, numbers in cents."""
    holder = next((each for each, firms in statements.HELD.items() if firm in firms), firm)
    own = FOLDER / holder / "statements.schema.toml"
    declared = schema.load(own if own.exists() else FOLDER / "statements.schema.toml")
    rows = reader.read(FOLDER / holder / "statements.csv", declared).frame.to_dicts()
    return [row for row in rows if row["firm"] == firm]


def test_the_files_are_what_the_script_makes() -> None:
    for name, text in statements.files().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("firm", FIRMS)
def test_every_year_is_there_and_in_balance(firm: str) -> None:
    rows = table(firm)
    assert [each["year"] for each in rows] == list(statements.YEARS)
    for row in rows:
        assert row["total_assets"] == row["total_liabilities"] + row["equity"]  # type: ignore[operator]
        assert 0 < row["current_assets"] <= row["total_assets"]  # type: ignore[operator]
        assert 0 < row["current_liabilities"] <= row["total_liabilities"]  # type: ignore[operator]


def test_the_generated_firms_have_every_item_and_one_is_over_its_head_in_debt() -> None:
    for firm in statements.GENERATED:
        assert set(table(firm)[0]) == {"firm", "year", "currency", *statements.ITEMS}
        assert all(each["equity"] > 0 for each in table(firm)) is (firm != statements.LOSING)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("top", "bottom", "published"),
    [
        ("current_assets", "current_liabilities", ("2.85", "3.31", "1.58", "3.60", "1.83")),
        ("total_liabilities", "equity", ("0.42", "0.44", "0.44", "0.31", "0.28")),
    ],
)
def test_the_listed_company_has_its_published_ratios(top: str, bottom: str, published: tuple[str, ...]) -> None:
    found = [Decimal(str(row[top])) / Decimal(str(row[bottom])) for row in table(statements.LISTED)]
    assert [str(each.quantize(Decimal("0.01"))) for each in found] == list(published)


def test_every_figure_of_the_listed_company_has_a_source_or_says_that_it_has_none() -> None:
    lines = (FOLDER / "SOURCES.md").read_text(encoding="utf-8").splitlines()
    rows = {cells[1].strip(): cells[2:-1] for line in lines if line.startswith("| ") and (cells := line.split("|"))}
    marked = {name.replace(" to owners", "").replace(" ", "_"): marks for name, marks in rows.items()}
    assert set(statements.PUBLISHED) <= set(marked)
    for item in statements.PUBLISHED:
        assert len(marked[item]) == len(statements.YEARS)
        for mark in marked[item]:
            assert any(word in mark for word in ("published (", "derived", "unverified", "constructed"))


@pytest.mark.parametrize(
    ("item", "cell"),
    [
        ("equity", "much"),
        ("equity", "NaN"),
        ("revenue", "inf"),
        ("revenue", "1e400"),
        ("cash", "1.234"),
        ("year", "MMXX"),
    ],
)
def test_what_is_no_amount_in_a_statement_is_refused_with_its_place(item: str, cell: str, tmp_path: Path) -> None:
    header, first, second, *rest = (FOLDER / "firm-b" / "statements.csv").read_text(encoding="utf-8").splitlines()
    cells = second.split(",")
    cells[header.split(",").index(item)] = cell
    file = tmp_path / "statements.csv"
    file.write_text("\n".join([header, first, ",".join(cells), *rest]), encoding="utf-8")
    with pytest.raises(Invalid, match=item) as caught:
        reader.read(file, schema.load(FOLDER / "statements.schema.toml"))
    assert "3" in caught.value.message  # the line


def test_an_amount_outside_of_what_the_schema_declares_is_refused(tmp_path: Path) -> None:
    declared = schema.parse(
        '[columns.firm]\ntype = "text"\n[columns.total_assets]\ntype = "decimal"\ndecimals = 2\nminimum = "0.01"\n'
    )
    file = tmp_path / "statements.csv"
    file.write_text("firm,total_assets\nx,1000.00\ny,-5.00\n")
    with pytest.raises(Invalid, match="total_assets"):
        reader.read(file, declared)
