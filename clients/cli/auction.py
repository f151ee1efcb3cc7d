"""`steelyard auction`: clears a market, and tells a bidder what became of its own orders."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from clients.cli.ask import Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.output import emit
from steelyard import records
from steelyard.errors import Invalid

if TYPE_CHECKING:
    from clients.sdk.fills import Outcome

app = App(name="auction")

Dataset: TypeAlias = Annotated[str, Parameter(help="The dataset of orders, at every party.")]
Price: TypeAlias = Annotated[str, Parameter(help="The column of the limits.")]
Quantity: TypeAlias = Annotated[str, Parameter(help="The column of the quantities.")]
Side: TypeAlias = Annotated[str, Parameter(help="The text column that says `buy` or `sell`.")]


@app.default
def auction(
    dataset: Dataset,
    *,
    low: Annotated[str, Parameter(name="--from", help="The lowest price.")],
    high: Annotated[str, Parameter(name="--to", help="The highest price.")],
    tick: Annotated[str, Parameter(help="What lies between two prices; at most 4096 prices.")],
    price: Price = "price",
    quantity: Quantity = "quantity",
    side: Side = "side",
    fills: Annotated[bool, Parameter(negative="", help="Also how orders at the margin are filled.")] = False,
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Clears the market of all parties' sealed bids and asks: one price, at which most is traded, and how much that is.

    The price is the highest at which demand is at least the supply at the price before. No order becomes known, nor
    demand and supply at other prices. Owners let the same orders be cleared only so often.

    Example: `steelyard auction orders --from 10 --to 20 --tick 0.05 --fills --json > outcome.json`

    Each bidder's own fills, at home: `steelyard auction fill outcome.json orders.csv`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked = with_options(asked, low=low, high=high, tick=tick, quantity=quantity, side=side, fills=fills)
    ask_and_show("auction", f"{dataset}.{price}", asked, json)


@app.command
def fill(
    outcome: Annotated[Path, Parameter(help="What `steelyard auction --fills --json` printed.")],
    orders: Annotated[Path, Parameter(help="Your own orders, as CSV.")],
    *,
    price: Price = "price",
    quantity: Quantity = "quantity",
    side: Side = "side",
    json: Json = False,
) -> None:
    """Says how much of each of your own orders is bought or sold, from what the requester announced; sends nothing.

    At the margin orders are filled in proportion, rounded down.

    Example: `steelyard auction fill outcome.json orders.csv --json`
    """
    from clients.sdk.fills import BUY

    found, filled = _outcome(outcome), []
    totals = {"bought": Decimal(0), "sold": Decimal(0)}
    for row in _rows(orders, price, quantity, side):
        got = found.fill(row[side], _number(row[price]), _number(row[quantity]))
        totals["bought" if row[side] == BUY else "sold"] += got
        filled.append({"side": row[side], "price": row[price], "quantity": row[quantity], "filled": f"{got:f}"})
    summary = {"price": found.price, **{name: f"{amount:f}" for name, amount in totals.items()}}
    if json:
        emit({"fills": filled, **summary}, json=True)
        return
    emit(filled, json=False)
    emit(summary, json=False)


def _outcome(path: Path) -> Outcome:
    from clients.sdk.fills import Outcome

    try:
        read = records.from_json(path.read_bytes(), dict[str, Any])
    except (OSError, records.DecodeError):
        raise Invalid(f"{path.name}: not what `steelyard auction --json` printed") from None
    return Outcome.read(read.get("result", read))


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise Invalid(f"{path.name}: cannot be read as CSV") from None
    if any(row.get(column) is None for row in rows for column in columns):
        raise Invalid(f"{path.name}: every order has {', '.join(columns)}")
    return rows


def _number(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid("prices and quantities are plain decimal numbers")
    return found
