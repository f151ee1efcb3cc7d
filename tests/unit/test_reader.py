"""Files to tables: what is accepted, and what is refused with file, line and column."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from steelyard.errors import Invalid
from steelyard.tables import csv_file, reader, schema
from steelyard.tables.schema import BOUND

SCHEMA = schema.parse("""
[columns.account]
type = "text"
[columns.opened]
type = "date"
[columns.balance]
type = "decimal"
decimals = 2
maximum = "1000000.00"
""")
GOOD = "account,opened,balance\na,2020-01-02,1.50\nb,2020-01-03,-2\n"


def read(folder: Path, content: str | bytes, declared: schema.Schema | None = SCHEMA) -> pl.DataFrame:
    path = folder / "balances.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return reader.read(path, declared).frame


def problem(folder: Path, content: str | bytes, declared: schema.Schema | None = SCHEMA) -> str:
    with pytest.raises(Invalid) as caught:
        read(folder, content, declared)
    return caught.value.message


def test_cells_become_exact_minor_units_dates_and_texts(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).rows() == [
        ("a", datetime.date(2020, 1, 2), 150),
        ("b", datetime.date(2020, 1, 3), -200),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.rstrip("\n"),
        GOOD + "\n\n",
        GOOD.replace("a,", '"a",').replace("account", '"account"'),
        GOOD.replace("1.50", " +0001.5 "),
        "balance,account,opened\n1.50,a,2020-01-02\n-2.0,b,2020-01-03\n",
    ],
)
def test_marks_line_ends_separators_quotes_and_order_do_not_matter(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content).equals(read(tmp_path, GOOD))


def test_without_a_schema_numbers_become_decimals_with_two_places(tmp_path: Path) -> None:
    frame = read(tmp_path, "name,amount,active\nx,3,true\ny,-0.05,False\n", None)
    assert frame.rows() == [("x", 300, True), ("y", -5, False)]


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("abc", "not a number"),
        ("", "empty cell"),
        ("  ", "empty cell"),
        ("NaN", "not a finite number"),
        ("-inf", "not a finite number"),
        ("1e3", "an exponent: write the number in full"),
        ("1.234", "more than 2 decimals"),
        ('"1,50"', "a number in another notation: write it like 1234.56"),
        ('"1.000,50"', "a number in another notation: write it like 1234.56"),
        ('"1,000.50"', "a number in another notation: write it like 1234.56"),
        ("1'000", "a number in another notation: write it like 1234.56"),
        ("5-", "a number in another notation: write it like 1234.56"),
        ("(5)", "a number in another notation: write it like 1234.56"),
        ("1000000.01", "out of range"),
        ("-" + "9" * 40, "out of range"),
        (str(-BOUND), "out of range"),
        ("1_000", "not a number"),
        ("0x10", "not a number"),
        ("٣", "not a number"),
        (".5", "a number in another notation: write it like 1234.56"),
        ("1\0", "a NUL character"),
    ],
)
def test_a_bad_number_is_named_by_file_line_and_column(tmp_path: Path, cell: str, complaint: str) -> None:
    content = f"{GOOD}c,2020-01-04,{cell}\nd,2020-01-05,7\n"
    assert problem(tmp_path, content) == f"balances.csv, line 4, column balance: {complaint}"


def test_the_message_does_not_repeat_the_cell(tmp_path: Path) -> None:
    assert "4711" not in problem(tmp_path, f"{GOOD}c,2020-01-04,x4711\n")


@pytest.mark.parametrize("cell", ["2020-02-30", "2020-1-2", "02.01.2020", "20200102", "0000-01-01", ""])
def test_a_bad_date_is_refused(tmp_path: Path, cell: str) -> None:
    assert problem(tmp_path, f"{GOOD}c,{cell},1\n").startswith("balances.csv, line 4, column opened: ")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1: the file is empty or its header is missing"),
        ("\n" + GOOD, "line 1: the file is empty or its header is missing"),
        ("account,opened,balance\n", "line 2: there is a header but no row"),
        ("account,opened\na,2020-01-02\n", "line 1, column balance: declared in the schema but missing"),
        ("account,opened,Balance\na,2020-01-02,1\n", "line 1, column Balance: the schema declares no such column"),
        ("account,balance,opened,balance\n", "line 1, column balance: this header appears twice"),
        ("account,,balance\n", "line 1, column 2: the header is empty"),
        (GOOD + "c,2020-01-04\n", "line 4: 2 cells where the header has 3"),
        (GOOD + "\nc,2020-01-04,1\n", "line 4: a blank line between rows"),
        (GOOD + "\n" * 9_000 + "c,2020-01-04,1\n", "line 4: a blank line between rows"),
        (GOOD + '"c,2020-01-04,1\n', "line 4: a quoted cell is not closed"),
        (GOOD + '"c"x,2020-01-04,1\n', "line 4: quotes in the wrong place"),
        (GOOD.encode() + b"\xff,2020-01-04,1\n", "line 4: not UTF-8 text"),
        (GOOD + "c\0,2020-01-04,1\n", "line 4, column account: a NUL character"),
        (GOOD + "c" * 200_000 + ",2020-01-04,1\n", "line 4: a cell of more than 131072 characters"),
        (GOOD + "c" * (1 << 20), "line 4: longer than 1048576 characters"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    assert problem(tmp_path, content) == f"balances.csv, {complaint}"


def test_an_unquoted_decimal_comma_is_explained(tmp_path: Path) -> None:
    assert "a number needs a point" in problem(tmp_path, GOOD + "c,2020-01-04,1,50\n")


@pytest.mark.parametrize(
    "cell",
    [
        "1234,56",
        "1.234,56",
        "1,234.56",
        "1,234",
        "-1 234,5",
        "1\u00a0234",
        "1'234.50",
        "12,34,567",
        "1.2E+05",
        ".5",
        "1-",
    ],
)
def test_a_column_of_numbers_in_another_notation_is_never_taken_for_text(tmp_path: Path, cell: str) -> None:
    rows = f'account;amount\n"a\nb";\nc;500\nd;{cell}\ne;7.25\n'
    said = problem(tmp_path, rows, None)
    assert said.startswith("balances.csv, line 5, column amount: every cell of this column is a number")
    assert "write them like 1234.56, or, if they are texts, declare the column in a schema" in said
    assert cell not in said.replace("1234.56", "")


def test_the_first_cell_in_another_notation_is_refused_without_a_schema_and_kept_as_declared_text(
    tmp_path: Path,
) -> None:
    rows = "account;amount\na;1234,56\nb;7,00\n"
    assert "line 2, column amount" in problem(tmp_path, rows, None)
    declared = schema.parse("[columns.account]\ntype = 'text'\n[columns.amount]\ntype = 'text'")
    assert read(tmp_path, rows, declared)["amount"].to_list() == ["1234,56", "7,00"]


@pytest.mark.parametrize(
    "texts",
    [
        ["1234,56", "unknown"],
        ["31.12.2020", "01.01.2021"],
        ["12345678901234567890", "00000000000000000001"],
        ["10.0.0.1", "10.0.0.2"],
        ["DE12 3456 7890", "DE12 3456 7891"],
        ["1234 5678 9012", "1234 5678 9013"],
        ["A-1", "A-2"],
        ["", ""],
    ],
    ids=lambda texts: texts[0],
)
def test_texts_that_look_a_little_like_numbers_stay_texts(tmp_path: Path, texts: list[str]) -> None:
    frame = read(tmp_path, "account;code\n" + "".join(f"a;{each}\n" for each in texts), None)
    assert frame["code"].to_list() == texts


def test_the_notation_is_looked_at_in_every_row_and_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BATCH_ROWS", 60)
    numbers = "".join(f"{i},5\n" for i in range(500))
    assert "line 2, column amount" in problem(tmp_path, f"amount;x\n{numbers}".replace("5\n", "5;1\n"), None)
    texts = f"amount;x\n{numbers}none\n".replace("5\n", "5;1\n").replace("none", "none;1")
    assert read(tmp_path, texts, None).height == 501


def test_line_numbers_count_line_breaks_within_quotes(tmp_path: Path) -> None:
    content = 'account,opened,balance\n"two\nlines",2020-01-02,1\nb,2020-01-02,x\n'
    assert problem(tmp_path, content) == "balances.csv, line 4, column balance: not a number"
    assert read(tmp_path, content.replace("x", "2"))["account"].to_list() == ["two\nlines", "b"]


def test_the_first_problem_in_reading_order_is_named(tmp_path: Path) -> None:
    content = f"{GOOD}c,2020-01-04,x\nd,bad,1\n"
    assert "line 4, column balance" in problem(tmp_path, content)
    assert "line 4, column opened" in problem(tmp_path, content.replace("2020-01-04", "bad"))


def test_batches_join_and_keep_exact_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BATCH_ROWS", 3)
    rows = [f"r{i},2020-01-01,{i}" for i in range(10)]
    frame = read(tmp_path, "\n".join(["account,opened,balance", *rows]))
    assert frame["balance"].to_list() == [100 * i for i in range(10)]
    rows[7] = "r7,2020-01-01,?"
    assert "line 9, column balance" in problem(tmp_path, "\n".join(["account,opened,balance", *rows]))
    monkeypatch.setattr(csv_file, "BATCH_CHARACTERS", 1)
    assert "line 9, column balance" in problem(tmp_path, "\n".join(["account,opened,balance", *rows]))


def test_a_text_outside_the_public_groups_is_refused(tmp_path: Path) -> None:
    declared = schema.parse("[columns.s]\ntype='text'\ngroups=['retail']")
    assert problem(tmp_path, "s\nretail\nRetail\n", declared).endswith(
        "line 3, column s: not one of the column's groups"
    )


def test_whole_numbers_have_no_decimals(tmp_path: Path) -> None:
    declared = schema.parse("[columns.n]\ntype='integer'")
    assert read(tmp_path, "n\n-7\n", declared)["n"].to_list() == [-7]
    assert problem(tmp_path, "n\n1.5\n", declared).endswith("not a whole number")


def test_unknown_kinds_of_file_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"neither \.csv"):
        reader.read(tmp_path / "x.json")
    for name in ("x.csv", "x.parquet", "x.xlsx"):
        with pytest.raises(Invalid, match="cannot be read"):
            reader.read(tmp_path / name)
        (tmp_path / name).write_bytes(b"PAR1 nonsense \xff")
        with pytest.raises(Invalid, match=name):
            reader.read(tmp_path / name)


def parquet(folder: Path, balance: pl.Series, declared: schema.Schema | None = SCHEMA) -> pl.DataFrame:
    path = folder / "balances.parquet"
    count = len(balance)
    days = pl.Series([datetime.date(2020, 1, 2)] * count)
    pl.DataFrame({"account": ["a"] * count, "opened": days, "balance": balance}).write_parquet(path)
    return reader.read(path, declared).frame


@pytest.mark.parametrize(
    "balance",
    [
        pl.Series([1.5, -0.07, 999999.99, 0.1 + 0.2]),
        pl.Series([Decimal("1.50"), Decimal("-0.07"), Decimal("999999.99"), Decimal("0.30")]),
        pl.Series([Decimal("1.5000"), Decimal("-0.0700"), Decimal("999999.9900"), Decimal("0.3000")]),
        pl.Series(["1.5", "-0.07", "999999.99", "0.3"]),
    ],
)
def test_parquet_numbers_of_every_type_become_the_same_minor_units(tmp_path: Path, balance: pl.Series) -> None:
    assert parquet(tmp_path, balance)["balance"].to_list() == [150, -7, 99_999_999, 30]


def test_parquet_integers_are_whole_units(tmp_path: Path) -> None:
    for dtype in (pl.Int8, pl.UInt64, pl.Int64):
        assert parquet(tmp_path, pl.Series([1, 2], dtype=dtype))["balance"].to_list() == [100, 200]


@pytest.mark.parametrize(
    ("balance", "complaint"),
    [
        (pl.Series([1.0, 1.005]), "more than 2 decimals"),
        (pl.Series([1.0, float("nan")]), "not a finite number"),
        (pl.Series([1.0, float("inf")]), "not a finite number"),
        (pl.Series([1.0, None]), "empty cell"),
        (pl.Series([1.0, 1e15]), "too large to be exact"),
        (pl.Series([1.0, 2e6]), "out of range"),
        (pl.Series([1, 2**62]), "out of range"),
        (pl.Series([1, 2**64 - 1], dtype=pl.UInt64), "out of range"),
        (pl.Series([Decimal("1.001"), Decimal("1.002")]), "more than 2 decimals"),
        (pl.Series(["1", "x"]), "not a number"),
        (pl.Series([True, False]), "not a number"),
    ],
)
def test_a_bad_parquet_number_is_named_by_row_and_column(tmp_path: Path, balance: pl.Series, complaint: str) -> None:
    with pytest.raises(Invalid, match=rf"balances.parquet, line \d, column balance: .*{complaint}"):
        parquet(tmp_path, balance)


def workbook(folder: Path, rows: list[list[object]], top: int = 0) -> Path:
    path = folder / "balances.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        for at, row in enumerate(rows, top):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime.date):
                    sheet.write_datetime(at, column, cell, day)
                else:
                    sheet.write(at, column, cell)
    return path


def test_excel_sheets_read_like_csv(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["account", "opened", "balance"],
        [1001, datetime.date(2020, 1, 2), 1.5],
        ["b", "2020-01-03", -2],
    ]
    for top in (0, 3):
        frame = reader.read(workbook(tmp_path, rows[:2], top), SCHEMA).frame
        assert frame.rows() == [("1001", datetime.date(2020, 1, 2), 150)]


def test_a_bad_excel_cell_is_named_by_the_row_of_the_sheet(tmp_path: Path) -> None:
    day = datetime.date(2020, 1, 2)
    rows: list[list[object]] = [["account", "opened", "balance"], ["a", day, 1.5], ["b", day, "x"], ["c", day, 2]]
    for top, line in ((0, 3), (3, 6)):
        with pytest.raises(Invalid, match=rf"balances.xlsx, line {line}, column balance: not a number"):
            reader.read(workbook(tmp_path, rows, top), SCHEMA)
    rows[2][2] = ""
    with pytest.raises(Invalid, match="line 3, column balance: empty cell"):
        reader.read(workbook(tmp_path, rows), SCHEMA)


def test_excel_headers_are_checked_as_written(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="line 1, column balance: this header appears twice"):
        reader.read(workbook(tmp_path, [["account", "balance", "balance"], ["a", 1, 2]]), None)
    with pytest.raises(Invalid, match="line 1"):
        reader.read(workbook(tmp_path, [["account", None, "balance"], ["a", 1, 2]]), None)
    with pytest.raises(Invalid, match="no row"):
        reader.read(workbook(tmp_path, [["account", "balance"]]), None)


def test_excel_texts_in_another_notation_are_refused_without_a_schema(tmp_path: Path) -> None:
    rows: list[list[object]] = [["account", "amount"], ["a", "1.234,56"], ["b", "7,00"]]
    with pytest.raises(Invalid, match=r"balances\.xlsx, line 2, column amount: every cell of this column is a number"):
        reader.read(workbook(tmp_path, rows), None)
