"""Writes examples/balances, account rows of four banks, and examples/statements; the same at every run.

    python -m scripts.make_examples

Every bank's rows add up to its figure below, so the consortium's total is 17,500.00.  What looks random is SHA-256 of a
label: no seed, no clock.
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Final

from scripts import statements

FOLDER: Final = Path(__file__).parents[1] / "examples" / "balances"
STATEMENTS: Final = FOLDER.parent / "statements"
TOTALS: Final = {"bank-a": 1_000_000, "bank-b": 150_000, "bank-c": 100_000, "bank-d": 500_000}  # cents
ROWS: Final = {"bank-a": 24, "bank-b": 15, "bank-c": 12, "bank-d": 18}
SEGMENTS: Final = ("retail", "corporate", "public")
FIRST_DAY: Final = datetime.date(2012, 1, 2)
DAYS: Final = 5_000

SCHEMA: Final = """\
# The columns of accounts.csv, the same at every bank.

[columns.account]
type = "text"

[columns.segment]
type = "text"
groups = ["retail", "corporate", "public"]

[columns.opened]
type = "date"

[columns.balance]
type = "decimal"
decimals = 2
"""


def files() -> dict[str, str]:
    """Path below the folder, and text."""
    accounts = {f"{bank}/accounts.csv": _accounts(bank) for bank in TOTALS}
    return {**accounts, "accounts.schema.toml": SCHEMA}


def main() -> None:
    for folder, made in ((FOLDER, files()), (STATEMENTS, statements.files())):
        for name, text in made.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(path.relative_to(FOLDER.parent))


def _accounts(bank: str) -> str:
    lines = ["account,segment,opened,balance"]
    for index, cents in enumerate(_balances(bank)):
        opened = FIRST_DAY + datetime.timedelta(days=_number(bank, index, "opened") % DAYS)
        # Every third account is of the same segment, so that no segment of any bank is small.
        segment = SEGMENTS[index % len(SEGMENTS)]
        lines.append(f"{bank}-{index + 1:04d},{segment},{opened.isoformat()},{cents // 100}.{cents % 100:02d}")
    return "\n".join(lines) + "\n"


def _balances(bank: str) -> list[int]:
    """Positive cents that add up to the bank's total exactly."""
    weights = [1_000 + _number(bank, index, "weight") % 9_000 for index in range(ROWS[bank])]
    cents = [TOTALS[bank] * weight // sum(weights) for weight in weights]
    return [*cents[:-1], TOTALS[bank] - sum(cents[:-1])]


def _number(*label: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(label).encode()).digest()[:8], "big")


if __name__ == "__main__":
    main()
