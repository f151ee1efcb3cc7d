"""`steelyard hhi`, `correlate` and `regress`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from cyclopts import Parameter

from clients.cli.ask import Column, GroupBy, Groups, Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout

Other: TypeAlias = Annotated[str, Parameter(help="Another column of the same dataset.")]
On: TypeAlias = Annotated[str, Parameter(help="1 to 16 other columns of the same dataset, with commas between.")]


def hhi_column(
    column: Column,
    *,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """How concentrated a column's sum is among the parties: the Herfindahl-Hirschman index, 1 if one has everything.

    Neither the sum nor any party's part of it becomes known.

    Example: `steelyard hhi accounts.balance --group-by segment`
    """
    asked = asked_for(where, group_by, groups, "", allow_missing, purpose, timeout)
    ask_and_show("hhi", column, asked, json)


def correlate_columns(
    column: Column,
    other: Other,
    *,
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """The correlation of two columns over all rows of all parties.

    The number of rows, and the columns' sums, sums of squares and of products, become known, too.

    Example: `steelyard correlate accounts.balance accounts.income --json`
    """
    from clients.sdk.questions import beside, with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    ask_and_show("correlate", column, with_options(asked, other=beside(column, [other])[0]), json)


def regress_column(
    column: Column,
    *,
    on: On,
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Explains a column by others, by least squares over all rows of all parties, with an intercept.

    The sums of squares and products of all columns become known, too; no row, and nobody's part of a sum.

    Example: `steelyard regress accounts.default --on accounts.income,accounts.age`
    """
    from clients.sdk.questions import beside, with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    names = beside(column, [each.strip() for each in on.split(",")])
    ask_and_show("regress", column, with_options(asked, on=names), json)
