"""The financial statements of examples/statements: a listed company's published figures, and generated firms.

The generated ones come from `steelyard.randomness.Keystream` under a key made of SEED and the firm's name, so they are
the same at every run.  examples/statements/SOURCES.md names the source of every published figure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from steelyard.digest import digest
from steelyard.randomness import Keystream

SEED: Final = b"steelyard statements 2026"
YEARS: Final = (2019, 2020, 2021, 2022, 2023)
ITEMS: Final = (
    *("cash", "inventory", "receivables", "current_assets", "total_assets", "current_liabilities"),
    *("total_liabilities", "equity", "retained_earnings", "revenue", "cost_of_sales", "ebit", "interest_expense"),
    "net_income",
)
LISTED: Final = "firm-a"
GENERATED: Final = {  # size, kEUR
    **{"firm-b": 4_000, "firm-c": 900, "firm-d": 12_000, "firm-e": 2_500, "firm-f": 600, "firm-g": 1_800},
}
HELD: Final = {  # whose node has whose statements: banks have those of clients without a node
    **{"firm-b": ("firm-b",), "firm-c": ("firm-c",), "bank-a": ("firm-d", "firm-e"), "bank-b": ("firm-f", "firm-g")},
}
WEIGHTS: Final = {"working_capital": 6.56, "retained_earnings": 3.26, "ebit": 6.72, "equity_to_liabilities": 1.05}
LOSING: Final = "firm-f"  # with less equity every year, and none in the end

# PT Astra Agro Lestari Tbk, millions of rupiah.
PUBLISHED: Final = {
    "current_assets": (4_472_011, 5_937_890, 9_414_208, 7_390_608, 7_137_000),
    "total_assets": (26_974_100, 27_781_231, 30_390_000, 29_240_000, 28_850_000),
    "current_liabilities": (1_566_765, 1_792_506, 5_960_396, 2_052_939, 3_900_000),
    "total_liabilities": (7_995_600, 8_533_437, 9_220_000, 7_000_000, 6_290_000),
    "equity": (18_978_500, 19_247_794, 21_170_000, 22_240_000, 22_560_000),
    "revenue": (17_452_736, 18_807_043, 24_322_048, 21_828_591, 20_745_473),
    "net_income": (211_117, 833_090, 1_971_365, 1_726_607, 1_055_897),
}

Statement = dict[str, int]


def files() -> dict[str, str]:
    """Path below examples/statements, and text."""
    listed = [{item: PUBLISHED[item][index] * 100 for item in PUBLISHED} for index in range(len(YEARS))]
    generated = {
        f"{holder}/statements.csv": _table("EUR", {firm: _generated(firm) for firm in firms})
        for holder, firms in HELD.items()
    }
    return {
        f"{LISTED}/statements.csv": _table("IDR", {LISTED: listed}),
        f"{LISTED}/statements.schema.toml": _schema("Those columns for which figures were found.", tuple(PUBLISHED)),
        "statements.schema.toml": _schema("The columns of statements.csv.", ITEMS),
        "weights.json": json.dumps(WEIGHTS, indent=2) + "\n",
        **generated,
    }


@dataclass
class _Draw:
    """Whole numbers from a stream."""

    stream: Keystream

    def percent(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return low + int.from_bytes(self.stream.bytes(8), "little") % (high - low + 1)


def _generated(firm: str) -> list[Statement]:
    """Five years that balance, in cents of a thousand euros."""
    draw = _Draw(Keystream(digest("example-statements", SEED, firm.encode())))
    assets, debt, years = GENERATED[firm] * 100_00, draw.percent(45, 70), []
    for _ in YEARS:
        year = _year(draw, assets, debt, draw.percent(-12, -4) if firm == LOSING else draw.percent(3, 12))
        years.append(year)
        assets += assets * draw.percent(-5, 12) // 100
        debt += draw.percent(11, 16) if firm == LOSING else draw.percent(-4, 3)
    return years


def _year(draw: _Draw, assets: int, debt: int, margin: int) -> Statement:
    """`debt` is liabilities in percent of assets, `margin` earnings before interest and tax in percent of revenue."""
    current, liabilities = assets * draw.percent(35, 60) // 100, assets * debt // 100
    inventory, receivables = current * draw.percent(20, 40) // 100, current * draw.percent(25, 35) // 100
    revenue, equity = assets * draw.percent(90, 170) // 100, assets - liabilities
    ebit, interest = revenue * margin // 100, liabilities * draw.percent(2, 5) // 100
    before_tax = ebit - interest
    return {
        "cash": current * draw.percent(8, 20) // 100,
        "inventory": inventory,
        "receivables": receivables,
        "current_assets": current,
        "total_assets": assets,
        "current_liabilities": liabilities * draw.percent(40, 70) // 100,
        "total_liabilities": liabilities,
        "equity": equity,
        "retained_earnings": equity * draw.percent(30, 60) // 100,
        "revenue": revenue,
        "cost_of_sales": revenue * draw.percent(55, 75) // 100,
        "ebit": ebit,
        "interest_expense": interest,
        "net_income": before_tax - max(0, before_tax) * 25 // 100,
    }


def _table(currency: str, firms: dict[str, list[Statement]]) -> str:
    lines = [",".join(("firm", "year", "currency", *next(iter(firms.values()))[0]))]
    for firm, years in firms.items():
        for year, statement in zip(YEARS, years, strict=True):
            lines.append(",".join((firm, str(year), currency, *map(_decimal, statement.values()))))
    return "\n".join(lines) + "\n"


def _decimal(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _schema(first: str, items: tuple[str, ...]) -> str:
    head = '[columns.firm]\ntype = "text"\n\n[columns.year]\ntype = "integer"\n\n[columns.currency]\ntype = "text"\n'
    tail = "".join(f'\n[columns.{item}]\ntype = "decimal"\ndecimals = 2\n' for item in items)
    return f"# {first}\n\n{head}{tail}"
