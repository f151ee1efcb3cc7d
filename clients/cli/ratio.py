"""`steelyard ratio`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from clients.cli.ask import Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout


def ratios_of_statements(
    *,
    ratios: Annotated[str, Parameter(help="Such as current,debt_to_equity,roa; dupont is four at once.")],
    subject: Annotated[str, Parameter(help="One firm, by its name in the column `firm`.")] = "",
    subjects: Annotated[str, Parameter(help="Several firms, or `all`.")] = "all",
    year: Annotated[int, Parameter(help="Of the statements; by default each firm's latest.")] = 0,
    decimals: Annotated[int, Parameter(help="At most 4.")] = 4,
    balance: Annotated[bool, Parameter(help="Check that assets are liabilities and equity.")] = True,
    dataset: Annotated[str, Parameter(help="The dataset of statements, at every owner.")] = "statements",
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Financial ratios of firms' statements, which stay encrypted under a key that nobody holds.

    Each owner's part in the decryption is its consent: without it there is no result. Only you learn the ratios.

    Example: `steelyard ratio --subject firm-a --ratios current,debt_to_equity,roa --json`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked = with_options(
        asked,
        ratios=ratios.split(","),
        subjects=named(subject, subjects),
        year=year,
        decimals=decimals,
        balance=balance,
    )
    ask_and_show("ratio", f"{dataset}.firm", asked, json)


def named(subject: str, subjects: str) -> list[str]:
    """The firms that one or several names stand for; none for all."""
    several = [] if subjects == "all" else subjects.split(",")
    return [subject, *several] if subject else several
