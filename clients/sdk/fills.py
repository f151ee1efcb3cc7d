"""Fills: what becomes of a bidder's own orders, from an auction's outcome.  Nothing is sent anywhere.

The outcome is the `value` of the requester's result (`result` in its JSON), asked for with `fills`: the requester tells
it to the bidders, as any auctioneer does, and each of them does this with its own orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from steelyard import records
from steelyard.errors import Invalid

BUY: Final = "buy"
SELL: Final = "sell"


class Margin(msgspec.Struct, frozen=True):
    """The longer side: orders of `full` or better are filled, the rest up to the price share `filled` of `of`."""

    side: Literal["buy", "sell"]
    full: Decimal | None
    filled: Decimal
    of: Decimal


class Outcome(msgspec.Struct, frozen=True):
    """What the requester announces."""

    price: Decimal | None
    volume: Decimal | None
    margin: Margin | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Outcome:
        """Raises Invalid for what no auction with `fills` can end with."""
        try:
            found = records.from_plain(value, cls)
        except records.DecodeError:
            raise Invalid("this is not the outcome of an auction") from None
        if found.price is not None and found.margin is None:
            raise Invalid("the outcome does not say how orders at the margin are filled: ask for it with --fills")
        if found.margin and not 0 <= found.margin.filled <= found.margin.of != 0:
            raise Invalid("this outcome fills more at its margin than there is")
        return found

    def fill(self, side: str, limit: Decimal, quantity: Decimal) -> Decimal:
        """How much of one order is bought or sold at the price.

        At the margin it is quantity * filled / of, rounded down to the decimals of `of`: what is left of all orders
        together is less than one unit of the last decimal for each.  Raises Invalid for a side that is none.
        """
        if side not in (BUY, SELL):
            raise Invalid(f"an order's side is {BUY!r} or {SELL!r}")
        if self.price is None or self.margin is None or not _reaches(side, limit, self.price):
            return Decimal(0)
        full = self.margin.full
        if side != self.margin.side or (full is not None and _reaches(side, limit, full)):
            return quantity
        return _part(quantity, self.margin.filled, self.margin.of)


def _reaches(side: str, limit: Decimal, price: Decimal) -> bool:
    return limit >= price if side == BUY else limit <= price


def _part(quantity: Decimal, filled: Decimal, of: Decimal) -> Decimal:
    """In integers of the last decimal."""
    decimals = -int(of.as_tuple().exponent)
    minor = [int(each.scaleb(decimals)) for each in (quantity, filled, of)]
    return Decimal(minor[0] * minor[1] // minor[2]).scaleb(-decimals)
