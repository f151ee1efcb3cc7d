"""Writes examples/credit: loans to small firms at five banks, the same at every run.

    python scripts/make_credit_example.py

Banks differ in the sectors and sizes of their customers, and so in how many default: nobody has seen what all have seen
together.  Who defaults follows from ratios of the statements by a hidden formula and chance.  What looks random is a
keystream of a label: no seed of the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from steelyard.learning.asking import Floats
from steelyard.learning.records import normal, uniform
from steelyard.learning.scoring import sigmoid

FOLDER: Final = Path(__file__).parents[1] / "examples" / "credit"
SECTORS: Final = ("trade", "building", "transport", "services", "manufacturing")
RISK: Final = (0.0, 0.9, 0.4, -0.5, -0.2)  # of a sector, in log-odds
# rows; shares of the sectors; how large the firms are (log of assets); how much they owe
BANKS: Final = {
    "bank-a": (420, (6, 1, 1, 6, 2), 13.6, -0.45),
    "bank-b": (360, (1, 8, 2, 1, 1), 12.4, 0.35),
    "bank-c": (300, (2, 1, 8, 1, 1), 12.9, 0.15),
    "bank-d": (330, (1, 1, 1, 2, 8), 14.3, -0.1),
    "bank-e": (270, (4, 3, 2, 3, 1), 11.8, 0.6),
}
SCHEMA: Final = """\
# The columns of credit.csv, the same at every bank.  Amounts in thousands, ratios as numbers.
# Minimum and maximum are public: they are the limits that training with noise needs.

[columns.firm]
type = "text"

[columns.sector]
type = "text"
groups = ["trade", "building", "transport", "services", "manufacturing"]

[columns.assets]
type = "decimal"
decimals = 2
minimum = "0.00"
maximum = "1000000.00"

[columns.leverage]
type = "decimal"
decimals = 4
minimum = "0.0000"
maximum = "2.0000"

[columns.current_ratio]
type = "decimal"
decimals = 4
minimum = "0.0000"
maximum = "20.0000"

[columns.margin]
type = "decimal"
decimals = 4
minimum = "-1.0000"
maximum = "1.0000"

[columns.interest_cover]
type = "decimal"
decimals = 4
minimum = "-20.0000"
maximum = "50.0000"

[columns.days_late]
type = "integer"
minimum = "0"
maximum = "180"

[columns.years]
type = "integer"
minimum = "0"
maximum = "100"

[columns.default]
type = "integer"
minimum = "0"
maximum = "1"
"""


def files() -> dict[str, str]:
    """Path below the folder, and text."""
    tables = {f"{bank}/credit.csv": "\n".join(_lines(bank)) + "\n" for bank in BANKS}
    return {**tables, "credit.schema.toml": SCHEMA}


def main() -> None:
    for name, text in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path.relative_to(FOLDER.parent))


def _lines(bank: str) -> Iterator[str]:
    rows, shares, size, debt = BANKS[bank]
    seed = sum(bank.encode())

    def draw(what: str) -> Floats:
        return normal(rows, f"credit-{what}", seed)

    sector = np.searchsorted(np.cumsum(shares) / sum(shares), uniform(rows, "credit-sector", seed), side="right")
    assets = np.exp(size + 0.9 * draw("assets")) / 1000
    health = draw("health")  # what the ratios have in common
    leverage = np.clip(0.62 + 0.12 * debt - 0.12 * health + 0.1 * draw("leverage"), 0.02, 1.95)
    current = np.clip(np.exp(0.35 + 0.3 * health - 0.2 * debt + 0.3 * draw("current")), 0.05, 19.0)
    margin = np.clip(0.05 + 0.05 * health + 0.05 * draw("margin"), -0.95, 0.95)
    cover = np.clip(2.5 + 2.5 * health + 20 * margin + 1.5 * draw("cover"), -19.0, 49.0)
    late = np.clip(np.exp(2.2 - 0.7 * health + 0.8 * draw("late")) - 2, 0, 180).astype(np.int64)
    years = np.clip(np.exp(2.3 + 0.7 * draw("years")), 0, 100).astype(np.int64)
    odds = (
        -2.6
        + np.array(RISK)[sector]
        + 3.0 * (leverage - 0.65)
        - 0.5 * np.log(current)
        - 6.0 * (margin - 0.05)
        - 0.1 * (cover - 3)
        + 0.02 * late
        - 0.02 * years
        + 0.8 * ((leverage > 0.75) & (current < 1.0))
    )
    default = uniform(rows, "credit-default", seed) < sigmoid(odds)
    yield "firm,sector,assets,leverage,current_ratio,margin,interest_cover,days_late,years,default"
    for i in range(rows):
        yield (
            f"{bank}-{i + 1:04d},{SECTORS[sector[i]]},{assets[i]:.2f},{leverage[i]:.4f},{current[i]:.4f},"
            f"{margin[i]:.4f},{cover[i]:.4f},{late[i]},{years[i]},{int(default[i])}"
        )


if __name__ == "__main__":
    main()
