"""`steelyard top`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from clients.cli.ask import Column, Groups, Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout

_PARTIES = "party"


def top_of_column(
    column: Column,
    *,
    count: Annotated[int, Parameter(help="How many.")] = 3,
    by: Annotated[str, Parameter(name=("--by", "--group-by"), help="`party`, or a text column.")] = _PARTIES,
    groups: Groups = "",
    values: Annotated[
        bool, Parameter(negative="", help="With their sums; of parties if every policy says so.")
    ] = False,
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """The parties, or the groups, with the largest sums of a column, in order; the sums only with --values.

    Of equal sums the one whose party (or group) the manifest (or the list of groups) names first comes first.

    Example: `steelyard top accounts.balance --count 2 --by segment --values`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "" if by == _PARTIES else by, groups, "", allow_missing, purpose, timeout)
    ask_and_show("top", column, with_options(asked, count=count, values=values), json)
