"""`Asking`: one method for each question, as `Client` offers them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Unpack

from .desk import Desk
from .questions import AMOUNT, FIRM, Asked, beside, contributors, normal, plainly, with_options
from .results import Result

if TYPE_CHECKING:
    from steelyard.setoff.terms import Terms


class Asking(ABC):
    """Every method raises a SteelyardError: Refused, Failed or Cheated."""

    desk: Desk

    @abstractmethod
    def ask(self, function: str, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """Asks any question by name and waits for its result."""

    def sum(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """The sum of a column over all parties, exact: `sum("accounts.balance", where="segment = 'retail'")`."""
        return self.ask("sum", dataset, column, **asked)

    def count(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """The number of rows with a value in the column, over all parties."""
        return self.ask("count", dataset, column, **asked)

    def mean(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """The mean of a column over all parties; sum and number of rows become known, too."""
        return self.ask("mean", dataset, column, **asked)

    def exceeds(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """Whether the sum of a column over all parties is greater than `limit=`; the sum becomes known to nobody.

        Every owner lets the same data be compared only so often: its policy's `searches_per_version`.
        """
        return self.ask("exceeds", dataset, column, **asked)

    def stats(
        self,
        dataset: str,
        column: str | None = None,
        *,
        quantiles: Sequence[str | float | Decimal] = (),
        median: bool = True,
        **asked: Unpack[Asked],
    ) -> Result:
        """Number, mean, standard deviation, extremes, median and quantiles of all rows of all parties.

        Without median and quantiles no row is dealt, not even in secret: that is much faster for many rows.
        """
        options = with_options(asked, quantiles=[str(each) for each in quantiles], median=median)
        return self.ask("stats", dataset, column, **options)

    def histogram(
        self, dataset: str, column: str | None = None, *, edges: Sequence[str | int | Decimal], **asked: Unpack[Asked]
    ) -> Result:
        """The number of rows below the first edge, from each edge to the next, and from the last on: `result.bins`."""
        return self.ask("histogram", dataset, column, **with_options(asked, edges=[str(each) for each in edges]))

    def hhi(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """How concentrated a column's sum is among the parties, from 0 to 1; neither sum nor parts become known."""
        return self.ask("hhi", dataset, column, **asked)

    def correlate(self, column: str, other: str, **asked: Unpack[Asked]) -> Result:
        """Pearson's correlation over all rows of all parties: `correlate("accounts.balance", "accounts.income")`."""
        return self.ask("correlate", column, **with_options(asked, other=beside(column, [other])[0]))

    def regress(self, column: str, on: Sequence[str], **asked: Unpack[Asked]) -> Result:
        """Least squares: `regress("accounts.default", on=["accounts.income", "accounts.age"])`."""
        return self.ask("regress", column, **with_options(asked, on=beside(column, on)))

    def compare(
        self, dataset: str, column: str | None = None, *, than: str = "", than_column: str = "", **asked: Unpack[Asked]
    ) -> Result:
        """Which is greater: the sum over the rows that satisfy `where`, or that over those that satisfy `than`?

        `than_column` compares with another column.  Counts as a search, like `exceeds`; neither sum becomes known.
        """
        (other,) = beside(dataset, [than_column])
        return self.ask("compare", dataset, column, **with_options(asked, than=normal(than), than_column=other))

    def top(
        self, dataset: str, column: str | None = None, *, count: int = 3, values: bool = False, **asked: Unpack[Asked]
    ) -> Result:
        """The parties, or with `group_by` the groups, with the largest sums, in order; their sums with `values`."""
        return self.ask("top", dataset, column, **with_options(asked, count=count, values=values))

    def auction(
        self, dataset: str, column: str = "price", *, prices: tuple[str, str, str], **asked: Unpack[Asked]
    ) -> Result:
        """Clears the market of all parties' orders at one of the prices (from, to, tick): `("10", "20", "0.05")`.

        `options` may name the other columns, `quantity` and `side`, and ask for the `fills` of `clients.sdk.fills`.
        """
        low, high, tick = prices
        return self.ask("auction", dataset, column, **with_options(asked, low=low, high=high, tick=tick))

    def ratio(
        self,
        ratios: Sequence[str],
        *,
        subjects: Sequence[str] = (),
        dataset: str = "statements",
        **asked: Unpack[Asked],
    ) -> Result:
        """Ratios of firms' encrypted statements: `ratio(["current", "roa"], subjects=["firm-a"]).value["firms"]`.

        `options` may name the `year`, fewer `decimals`, and switch off the check of the `balance`.
        """
        options = with_options(asked, ratios=list(ratios), subjects=list(subjects))
        return self.ask("ratio", dataset, FIRM, **options)

    def score(
        self,
        weights: Mapping[str, float],
        *,
        subjects: Sequence[str] = (),
        dataset: str = "statements",
        **asked: Unpack[Asked],
    ) -> Result:
        """Scores by your own model, whose weights nobody else sees: `score({"ebit": 6.72, "constant": 3.25})`.

        `options` as for `ratio`, with at most 3 decimals.
        """
        from steelyard.ckks.scores import ordered

        features, sealed = list(ordered(tuple(weights))), self.desk.sealed_weights(weights)
        options = with_options(asked, features=features, weights=sealed, subjects=list(subjects))
        return self.ask("score", dataset, FIRM, **options)

    def benchmark(
        self, subject: str, ratio: str, *, percentile: bool = False, dataset: str = "statements", **asked: Unpack[Asked]
    ) -> Result:
        """How far a firm's ratio is from the mean of its peers, at least five, or its percentile among them."""
        options = with_options(asked, subject=subject, ratio=ratio, percentile=percentile)
        return self.ask("benchmark", dataset, FIRM, **options)

    def set_off(self, terms: Terms, **asked: Unpack[Asked]) -> Result:
        """Clears what firms have said under these terms: `set_off(rounds.terms("october"), options={"steps": 800})`.

        Firms contribute with `clients.sdk.rounds`; `options` as `steelyard.functions.set_off.Round` has them.
        """
        return self.ask("set_off", terms.round, AMOUNT, **with_options(asked, terms=plainly(terms)))

    def netting(
        self,
        banks: Sequence[str],
        *,
        mode: str = "gridlock",
        decimals: int = 0,
        dataset: str = "payments",
        **asked: Unpack[Asked],
    ) -> Result:
        """Nets the queues that banks have contributed (`clients.sdk.netting`), the banks in their agreed order.

        `mode` is gridlock, positions, or settles for one bit; `options` may set how many `passes` it takes at most.
        """
        options = with_options(asked, banks=contributors(banks), mode=mode, decimals=decimals)
        return self.ask("netting", dataset, AMOUNT, **options)
