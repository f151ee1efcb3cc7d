"""Fills: what becomes of a bidder's own orders, from an auction's outcome.  Nothing is sent anywhere.

The outcome is the `value` of the requester's result (`result` in its JSON), asked for with `fills`: the requester tells
it to the bidders, as any auctioneer does, and each of them does this with its own orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from steelyard.errors import Invalid

BUY: Final = "buy"


def fill(outcome: Mapping[str, Any], side: str, limit: Decimal, quantity: Decimal) -> Decimal:
    """How much of one order is bought or sold at the clearing price.

    At the margin it is quantity * filled / of, rounded down to the decimals of the volume: together less than one unit
    of the last decimal per order is left.  Raises Invalid for an outcome that does not say how the margin is filled.
    """
    if side not in (BUY, "sell"):
        raise Invalid("an order's side is 'buy' or 'sell'")
    if outcome.get("price") is None:
        return Decimal(0)
    if not outcome.get("margin"):
        raise Invalid("the outcome does not say how orders at the margin are filled: ask for the auction with --fills")
    margin = outcome["margin"]
    if not _reaches(side, limit, Decimal(outcome["price"])):
        return Decimal(0)
    full = margin["full"]
    if side != margin["side"] or (full is not None and _reaches(side, limit, Decimal(full))):
        return quantity
    return _part(quantity, Decimal(margin["filled"]), Decimal(margin["of"]))


def _reaches(side: str, limit: Decimal, price: Decimal) -> bool:
    return limit >= price if side == BUY else limit <= price


def _part(quantity: Decimal, filled: Decimal, of: Decimal) -> Decimal:
    """In integers of the last decimal."""
    decimals = -int(of.as_tuple().exponent)
    minor = [int(each.scaleb(decimals)) for each in (quantity, filled, of)]
    return Decimal(minor[0] * minor[1] // minor[2]).scaleb(-decimals)
