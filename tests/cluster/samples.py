"""The data of the scenarios: files as owners have them, and the totals they add up to, known to the tests only."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.cluster.runner import PARTIES

_ROOT: Final = Path(__file__).resolve().parents[2]
BALANCES: Final = _ROOT / "examples" / "balances"
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
OWNED: Final = ("leaving", "returning", "halves")  # datasets that one scenario each may change and leave out

POLICY: Final = """
functions = ["sum", "count", "mean", "vector_sum"]
requesters = ["analyst"]
approval = "automatic"
minimum_group = 3
minimum_rows = 3

[datasets.accounts]
columns = ["balance"]
filters = ["segment", "opened"]
""" + "".join(
    f"""
[datasets.{name}]
columns = ["amount"]
filters = ["segment"]
"""
    for name in ("marked", "rare", "huge", "vectors", *OWNED)
)


def write(folder: Path) -> Path:
    """Every dataset of every party, and the schemas beside them."""
    for party in PARTIES:
        shutil.copytree(BALANCES / party, folder / party)
        _write(folder, party, "marked", [("retail", each) for each in MARKED[party]])
        _write(folder, party, "rare", _rare(party))
        _write(folder, party, "vectors", [("retail", vector(party, at)) for at in range(LENGTH)])
        _write(folder, party, "huge", [("retail", Decimal("2000000000000000.00"))] * 2)
        for name in OWNED:
            write_owned(folder, party, name, 1)
    shutil.copy(BALANCES / "accounts.schema.toml", folder)
    for name in ("marked", "rare", "vectors", "huge", *OWNED):
        (folder / f"{name}.schema.toml").write_text(_SCHEMA)
    return folder


def write_owned(folder: Path, party: str, dataset: str, factor: int) -> None:
    """Four rows of a dataset of `OWNED`; another factor is other data."""
    _write(folder, party, dataset, [("retail", Decimal(factor * (index + 1))) for index in range(4)])


def owned_total(parties: int, factor: int = 1) -> str:
    return f"{10 * factor * parties}.00"


def vector(party: str, position: int) -> Decimal:
    return Decimal(position * (PARTIES.index(party) + 1)) / 100


def marked_totals() -> dict[str, Decimal]:
    return {party: sum(each, Decimal(0)) for party, each in MARKED.items()}


def _rare(party: str) -> list[tuple[str, Decimal]]:
    rows = [("retail", Decimal(index + 1)) for index in range(3)]
    return [*rows, (RARE, Decimal(777))] if party == "bank-b" else rows


def _write(folder: Path, party: str, dataset: str, rows: list[tuple[str, Decimal]]) -> None:
    lines = ["segment,amount", *(f"{segment},{amount}" for segment, amount in rows)]
    (folder / party).mkdir(parents=True, exist_ok=True)
    (folder / party / f"{dataset}.csv").write_text("\n".join(lines) + "\n")


_SCHEMA: Final = f"""
[columns.segment]
type = "text"
groups = ["retail", "{RARE}"]

[columns.amount]
type = "decimal"
decimals = 2
"""
