"""`steelyard compare`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from clients.cli.ask import Column, Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout


def compare_totals(
    column: Column,
    *,
    where: Where = "",
    than: Annotated[str, Parameter(help="The rows of the other sum; by default the same.")] = "",
    than_column: Annotated[str, Parameter(help="The column of the other sum; by default the same.")] = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Whether one sum over all parties is greater than another, equal, or less; neither sum becomes known to anybody.

    Owners let the same data be compared only so often, for every answer narrows the sums down.

    Example: `steelyard compare accounts.balance --where "segment = 'retail'" --than "segment = 'corporate'"`
    """
    from clients.sdk.questions import beside, normal, with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    (other,) = beside(column, [than_column])
    ask_and_show("compare", column, with_options(asked, than=normal(than), than_column=other), json)
