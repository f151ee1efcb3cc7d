"""The ratios that can be asked for, by the items of a statement they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from steelyard.ckks.statements import Term
from steelyard.errors import Invalid


@dataclass(frozen=True)
class Ratio:
    numerator: Term
    denominator: Term

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.numerator.columns, *self.denominator.columns)


def _ratio(numerator: str, denominator: str) -> Ratio:
    return Ratio(Term(tuple(numerator.split())), Term((denominator,)))


RATIOS: Final = {
    "current": _ratio("current_assets", "current_liabilities"),
    "quick": _ratio("current_assets -inventory", "current_liabilities"),
    "cash": _ratio("cash", "current_liabilities"),
    "debt_to_equity": _ratio("total_liabilities", "equity"),
    "debt_ratio": _ratio("total_liabilities", "total_assets"),
    "equity_multiplier": _ratio("total_assets", "equity"),
    "roa": _ratio("net_income", "total_assets"),
    "roe": _ratio("net_income", "equity"),
    "net_margin": _ratio("net_income", "revenue"),
    "asset_turnover": _ratio("revenue", "total_assets"),
    "interest_cover": _ratio("ebit", "interest_expense"),
}
# DuPont's identity: return on equity as the product of the other three.
DUPONT: Final = "dupont"
COMPOUND: Final = {DUPONT: ("net_margin", "asset_turnover", "equity_multiplier", "roe")}
NAMES: Final = (*RATIOS, *COMPOUND)


def expanded(names: Sequence[str]) -> tuple[str, ...]:
    """The plain ratios behind these names, each once, in order; raises Invalid for a name that is none."""
    for name in names:
        if name not in NAMES:
            raise Invalid(f"there is no ratio {name[:40]!r}: {', '.join(NAMES)}")
    return tuple(dict.fromkeys(plain for name in names for plain in COMPOUND.get(name, (name,))))


def columns(names: Sequence[str]) -> tuple[str, ...]:
    """The items of a statement that these ratios need."""
    return tuple(dict.fromkeys(column for name in expanded(names) for column in RATIOS[name].columns))
