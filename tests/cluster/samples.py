"""The data of the scenarios: files as owners have them, and the totals they add up to, known to the tests only."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.cluster.runner import PARTIES

_ROOT: Final = Path(__file__).resolve().parents[2]
BALANCES: Final = _ROOT / "examples" / "balances"
ORDERS: Final = _ROOT / "examples" / "orders"
CREDIT: Final = _ROOT / "examples" / "credit"
TOTAL: Final = "17500.00"

# Figures that occur nowhere by chance, for the search for traces.
MARKED: Final = {
    "bank-a": (Decimal("4180339887.49"), Decimal("2718281828.45"), Decimal("1414213562.37")),
    "bank-b": (Decimal("3141592653.58"), Decimal("1732050807.56"), Decimal("2236067977.49")),
    "bank-c": (Decimal("1202056903.15"), Decimal("5772156649.01"), Decimal("9159655941.77")),
    "bank-d": (Decimal("6931471805.59"), Decimal("8346268416.74"), Decimal("2665144142.69")),
}
LENGTH: Final = 1000  # of the vectors
RARE: Final = "treasury"  # a segment with one row at one bank
OWNED: Final = ("leaving", "returning", "halves", "once")  # datasets that one scenario each may change and leave out
DATASETS: Final = ("marked", "rare", "huge", "vectors", "orders", "kept", "lost", *OWNED)  # and accounts
Row = tuple[str, Decimal]  # segment, amount

POLICY: Final = """
functions = [
    "sum", "count", "mean", "vector_sum", "exceeds", "compare", "top", "auction", "hhi", "correlate", "regress",
    "stats", "histogram", "share", "refresh", "recover", "reshare", "audit", "forget", "ratio", "score", "benchmark",
    "train", "set_off", "netting",
]
requesters = ["analyst"]
sponsors = ["analyst"]
sponsored_count = true
approval = "automatic"
minimum_group = 3
minimum_rows = 3
parts_beside_totals = true

[datasets.club]
columns = ["amount"]

[datasets.league]
columns = ["amount"]

[datasets.payments]
columns = ["amount"]

[datasets.accounts]
columns = ["balance"]
filters = ["segment", "opened"]

[datasets.statements]
columns = ["*"]
filters = ["firm"]

[datasets.credit]
columns = ["leverage", "margin", "days_late", "default"]

[datasets.loans]
columns = ["loss", "income", "age"]
""" + "".join(
    f"""
[datasets.{name}]
columns = {'["price", "quantity", "side"]' if name == "orders" else '["amount"]'}
filters = ["segment"]
"""
    for name in DATASETS
)


def write(folder: Path, datasets: Sequence[str] = DATASETS) -> Path:
    """These datasets of every party and `accounts`, with the schemas beside them."""
    for party in PARTIES:
        shutil.copytree(BALANCES / party, folder / party)
        for name in datasets:
            _write(folder, party, name, _rows(party, name))
        _write_statements(folder / party / "statements.csv", party)
        shutil.copy(CREDIT / party / "credit.csv", folder / party)
        _write_loans(folder / party / "loans.csv", PARTIES.index(party))
    shutil.copy(BALANCES / "accounts.schema.toml", folder)
    shutil.copy(CREDIT / "credit.schema.toml", folder)
    (folder / "loans.schema.toml").write_text(_LOANS)
    (folder / "statements.schema.toml").write_text(_STATEMENTS)
    for name in datasets:
        (folder / f"{name}.schema.toml").write_text(_SCHEMA)
    if "orders" in datasets:
        shutil.copytree(ORDERS, folder, dirs_exist_ok=True)
    return folder


def write_owned(folder: Path, party: str, dataset: str, factor: int) -> None:
    """Four rows of a dataset of `OWNED`; another factor is other data."""
    _write(folder, party, dataset, _owned(factor))


def owned_total(parties: int, factor: int = 1) -> str:
    return f"{10 * factor * parties}.00"


def vector(party: str, position: int) -> Decimal:
    return Decimal(position * (PARTIES.index(party) + 1)) / 100


def marked_totals() -> dict[str, Decimal]:
    return {party: sum(each, Decimal(0)) for party, each in MARKED.items()}


def _rows(party: str, dataset: str) -> list[Row]:
    if dataset == "marked":
        return [("retail", each) for each in MARKED[party]]
    if dataset == "vectors":
        return [("retail", vector(party, at)) for at in range(LENGTH)]
    if dataset == "huge":
        return [("retail", Decimal("2000000000000000.00"))] * 2
    if dataset == "rare":
        return [*(("retail", Decimal(row + 1)) for row in range(3)), *([(RARE, Decimal(777))] * (party == "bank-b"))]
    return _owned(1)


def _owned(factor: int) -> list[Row]:
    return [("retail", Decimal(factor * (index + 1))) for index in range(4)]


def _write(folder: Path, party: str, dataset: str, rows: list[Row]) -> None:
    lines = ["segment,amount", *(f"{segment},{amount}" for segment, amount in rows)]
    (folder / party).mkdir(parents=True, exist_ok=True)
    (folder / party / f"{dataset}.csv").write_text("\n".join(lines) + "\n")


def _write_loans(file: Path, bank: int) -> None:
    """loss = 2.50 + 3 income - 0.5 age, of which income and age do not depend on each other over all banks together."""
    rows = [(2.5 + 3 * income - 0.5 * age, income, age, bank) for income in range(3) for age in (20 + bank, 40 + bank)]
    file.write_text("\n".join(["loss,income,age,secret", *(",".join(map(str, row)) for row in rows)]) + "\n")


def statements(party: str) -> dict[str, dict[str, int]]:
    """Two firms' items in whole units, and what they are made of: the second has eaten up its equity."""
    size = 1000 + 137 * PARTIES.index(party)
    return {
        f"{party}-firm-{number}": {
            "current_assets": size // 2,
            "current_liabilities": size // (3 - number),
            "total_assets": size,
            "total_liabilities": size * debt // 100,
            "equity": size - size * debt // 100,
            "retained_earnings": size // 7,
            "ebit": size // (9 + number),
            "net_income": size // (11 + 2 * number) - 20 * number * PARTIES.index(party),
        }
        for number, debt in ((0, 60), (1, 110))
    }


def _write_statements(file: Path, party: str) -> None:
    firms = statements(party)
    rows = [",".join((name, "2024", *map(str, items.values()))) for name, items in firms.items()]
    file.write_text("\n".join([",".join(("firm", "year", *next(iter(firms.values())))), *rows]) + "\n")


_STATEMENTS: Final = '[columns.firm]\ntype = "text"\n\n[columns.year]\ntype = "integer"\n' + "".join(
    f'\n[columns.{name}]\ntype = "decimal"\ndecimals = 2\n' for name in next(iter(statements(PARTIES[0]).values()))
)

_LOANS: Final = """
[columns.loss]
type = "decimal"
decimals = 2

[columns.income]
type = "integer"

[columns.age]
type = "integer"

[columns.secret]
type = "integer"
"""

_SCHEMA: Final = f"""
[columns.segment]
type = "text"
groups = ["retail", "{RARE}"]

[columns.amount]
type = "decimal"
decimals = 2
"""
