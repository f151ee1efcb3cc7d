"""Auction: a sealed double auction.  Of all orders only the market-clearing price and the quantity traded come out.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; inputs are what their owners say.
Rounds      19 at k = 2, 27 at k = 3, and those of steelyard.functions.suppression.   Sends a comparison per price.
Reveals     to the requester: price and quantity; with fills, also how the orders at the margin share what is left.
Follows     the Danish sugar beet auction (Bogetoft et al. 2009), which looks for the price where the curves cross.
Differs     all prices are compared in one batch, not one after the other in a search; of the two prices beside the
            crossing it finds the one at which more is traded, at equal volume the higher.

Everybody adds up its own orders to two curves over a public grid of prices p_0 < p_1 < ...: D_j is what its bids of p_j
or more want to buy, S_j what its asks of p_j or less want to sell.  Only sums of curves are computed with.

    price   the highest p_i such that D_i >= S_(i-1): from p_0 up, the next price is gone to while its demand is at
            least the supply of the one before.  No price trades more than min(D_i, S_i): as D falls and S rises, each
            such step keeps or raises what is traded, and every further one keeps or lowers it.
    volume  min(D_i, S_i).  Without any, there is no price.
    fills   the side of which there is less is filled.  On the other, bids of p_(i+1) or more (asks of p_(i-1) or less)
            are filled; those at the margin, between that and the price, share what is left in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from steelyard import field, fixedpoint
from steelyard.bitfield import flipped
from steelyard.errors import Invalid, Malformed
from steelyard.field import Vector
from steelyard.functions import suppression
from steelyard.functions.question import Amount, Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.functions.selection import Selection
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.bits import conjunction
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import less, longest_message
from steelyard.protocols.greet import Greeting
from steelyard.protocols.multiply import inner_product, reshare
from steelyard.protocols.select import negatives
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

BUY, SELL = "buy", "sell"
MAX_POINTS: Final = 4_096
_NONE: Final = np.zeros(1, dtype=np.uint64)
_ALL: Final = np.ones(1, dtype=np.uint64)


class Book(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  `column` holds the orders' limits; prices can be `low`, `low + tick`, ... up to `high`."""

    quantity: str = "quantity"
    side: str = "side"
    low: Amount
    high: Amount
    tick: Amount
    fills: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, self.quantity, self.side)

    @property
    def points(self) -> int:
        """How many prices there are."""
        return int((Fraction(self.high) - Fraction(self.low)) / Fraction(self.tick)) + 1

    def check(self) -> None:
        super().check()
        if self.stored:
            told = "a stored sharing keeps numbers, and whether an order buys or sells is a text"
            raise Invalid(f"{told}: name the owners' dataset of today's orders")
        if len(set(self.columns)) < len(self.columns):
            raise Invalid("price, quantity and side of an order are three columns")
        if Fraction(self.tick) <= 0 or Fraction(self.low) >= Fraction(self.high):
            raise Invalid("prices go from a lower to a higher one by a tick above zero")
        if (Fraction(self.high) - Fraction(self.low)) % Fraction(self.tick):
            raise Invalid("the highest price is a whole number of ticks above the lowest")
        if self.points > MAX_POINTS:
            raise Invalid(f"at most {MAX_POINTS} prices: choose a larger tick, or prices closer together")

    def price(self, index: int, decimals: int) -> int:
        """In minor units; raises Invalid where the column has fewer decimals than the grid."""
        return fixedpoint.parse(self.low, decimals) + index * fixedpoint.parse(self.tick, decimals)

    def grid(self, decimals: int) -> Values:
        """(points,) in minor units; raises Invalid."""
        fixedpoint.parse(self.high, decimals)
        low, tick = self.price(0, decimals), fixedpoint.parse(self.tick, decimals)
        return low + tick * np.arange(self.points, dtype=np.int64)


class Auction(Question[Book]):
    """Contributors deal demand and supply at every price, their number of orders, and whether they have any."""

    @property
    def multiplies(self) -> bool:
        return True

    @property
    def searches(self) -> bool:
        """With other grids one could ask for demand and supply around any price."""
        return True

    @property
    def layers(self) -> int:
        """Values that the requester gets: price and volume; what is left at the margin, of how much, on which side."""
        return 5 if self.wanted.fills else 2

    def values(self, rows: int) -> int:
        return 2 * self.wanted.points + 2

    def bring(self, table: Table, rows: int) -> Layers:
        wanted = self.wanted
        sides = table.texts(wanted.side, wanted.filter)
        if not set(sides) <= {BUY, SELL}:
            raise Invalid(f"an order's {wanted.side} is {BUY!r} or {SELL!r}, in these very letters")
        quantities = table.values(wanted.quantity, wanted.filter)
        if quantities.size and quantities.min() < 0:
            raise Invalid(f"an order's {wanted.quantity} is not negative")
        buys = np.array([side == BUY for side in sides], dtype=np.int64)
        return {"price": table.values(wanted.column, wanted.filter), "quantity": quantities, "buys": buys}

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        grid = self.wanted.grid(greeting.decimals[0])
        prices, quantities, buys = brought["price"], brought["quantity"], brought["buys"].astype(bool)
        # No curve is above the sum of all quantities, which itself may not fit into 64 bits.
        fixedpoint.check_aggregate([sum(quantities.tolist()), prices.size], len(attempt.participants))
        demand = demanded(grid, prices[buys], quantities[buys])
        supply = supplied(grid, prices[~buys], quantities[~buys])
        return np.concatenate([demand, supply, [prices.size, int(prices.size > 0)]])

    def release(self, held: Held) -> Protocol[Released]:
        shares, points = held.sum(), self.wanted.points
        demand, supply, (rows, parties) = shares[:points], shares[points:-2], shares[-2:].reshape(2, 1)
        circle = yield from held.circle()
        left_out = yield from suppression.suppressed(held, rows, parties, circle)
        if left_out:
            return Released(np.zeros(0, dtype=np.uint64), left_out)
        outcome = yield from _clear(circle, demand, supply)
        return Released(outcome[: self.layers])

    def figures(self, opened: Opening) -> dict[str, Any]:
        layers = opened.rows(self.layers, 1)
        if not layers.size:
            return {"price": None, "volume": None, "suppressed": True}
        step, volume, *margin = layers[:, 0].tolist()
        if not 0 <= step <= self.wanted.points or volume < 0 or (step == 0) != (volume == 0):
            raise Malformed("a price that is not on the grid, or one at which nothing is traded")
        shown = {"price": self._price(step - 1, opened), "volume": fixedpoint.format(volume, opened.decimals[1])}
        if not self.wanted.fills:
            return shown
        return {**shown, "margin": self._margin(step - 1, opened, *margin) if volume else None}

    def released(self) -> str:
        wanted = self.wanted
        where = f" where {wanted.where}" if wanted.where else ""
        margin = "; which side has too much, how much of it stands at the margin, and how much of that is filled"
        return (
            f"the market-clearing price of the orders in {wanted.dataset}{where}, of {wanted.low} to {wanted.high} by"
            f" {wanted.tick}, and the quantity traded{margin if wanted.fills else ''}; no order, and neither demand nor"
            " supply at any other price"
        )

    def leaks(self) -> Sequence[Leak]:
        return suppression.leaks(self.wanted)

    def longest(self, participants: int, contributors: int = 0) -> int:
        return longest_message(self.wanted.points, participants)

    def _price(self, index: int, opened: Opening) -> str | None:
        """None beyond the grid's ends."""
        if not 0 <= index < self.wanted.points:
            return None
        return fixedpoint.format(self.wanted.price(index, opened.decimals[0]), opened.decimals[0])

    def _margin(self, index: int, opened: Opening, filled: int, of: int, sells: int) -> dict[str, Any]:
        """`full` is the price from which on orders of that side are filled, None where all share."""
        if sells not in (0, 1) or not 0 <= filled <= of:
            raise Malformed("a margin that is filled by more than there is")
        filled_text, of_text = (fixedpoint.format(each, opened.decimals[1]) for each in (filled, of))
        full = self._price(index - 1 if sells else index + 1, opened)
        return {"side": SELL if sells else BUY, "full": full, "filled": filled_text, "of": of_text}


def demanded(grid: Values, limits: Values, quantities: Values) -> Values:
    """(points,): what bids with at least this limit want to buy."""
    added = np.zeros(grid.size + 1, dtype=np.int64)
    np.add.at(added, np.searchsorted(grid, limits, side="right"), quantities)  # how many prices a bid reaches
    return np.cumsum(added[:0:-1])[::-1]


def supplied(grid: Values, limits: Values, quantities: Values) -> Values:
    """(points,): what asks with at most this limit want to sell."""
    added = np.zeros(grid.size + 1, dtype=np.int64)
    np.add.at(added, np.searchsorted(grid, limits, side="left"), quantities)  # the first price that an ask takes
    return np.cumsum(added[:-1])


def _clear(circle: Circle, demand: Vector, supply: Vector) -> Protocol[Vector]:
    """Shares of: the price's number from 1, the volume; at the margin how much is filled, of what, and if of asks.

    All are zero where nothing is traded.
    """
    # 1. Is the next price gone to?  The steps are ones, then zeros; where they end is the price.
    stays = yield from less(circle, demand[1:], supply[:-1])
    steps = (yield from to_field(circle, flipped(stays), demand.size - 1)).reshape(-1)
    here = field.subtract(np.concatenate([_ALL, steps]), np.concatenate([steps, _NONE]))
    # 2. Demand and supply there, what bids at higher prices want, and what asks at lower prices offer.
    curves = demand, supply, np.concatenate([demand[1:], _NONE]), np.concatenate([_NONE, supply[:-1]])
    products = np.array([field.dot(here, curve) for curve in curves], dtype=np.uint64)
    wanted, offered, higher, lower = (yield from reshare(circle, "crossing", products)).reshape(4, 1)
    # 3. Which side is longer, if there is a trade at all?
    longer = yield from negatives(circle, field.subtract(wanted, offered), field.negate(wanted), field.negate(offered))
    either = np.concatenate([longer[:, :1], flipped(longer[:, :1])], axis=1)
    traded = yield from conjunction(circle, "traded", either, longer[:, 1:])  # the shorter side is not empty
    asks, bids = yield from to_field(circle, traded, 1)  # which side is longer; neither without a trade
    # 4. The shorter side is filled: of the longer one those before the margin, who want less, and of the margin a part.
    number = field.add(_ALL, np.array([field.dot(steps, np.ones_like(steps))], dtype=np.uint64))
    if_asks = [number, wanted, field.subtract(wanted, lower), field.subtract(offered, lower), _ALL]
    if_bids = [number, offered, field.subtract(offered, higher), field.subtract(wanted, higher), _NONE]
    pairs = [(np.repeat(side, 5), np.concatenate(each)) for side, each in ((asks, if_asks), (bids, if_bids))]
    return (yield from inner_product(circle, pairs, "outcome"))
