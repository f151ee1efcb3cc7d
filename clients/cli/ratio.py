"""`steelyard ratio`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from cyclopts import Parameter

from clients.cli.ask import Purpose, Where, ask_and_show, asked_for
from clients.cli.call import Called, CallFile, Days, publish
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout

Year: TypeAlias = Annotated[int, Parameter(help="Of the statements, such as 2023; by default each firm's latest.")]
Dataset: TypeAlias = Annotated[str, Parameter(help="What the owners' datasets of statements are called.")]
Absent: TypeAlias = Annotated[
    bool, Parameter(negative="", help="Go on without parties that do not answer, and without their firms.")
]
Subjects: TypeAlias = Annotated[str, Parameter(help="Several firms with commas between, or `all`.")]


def ratios_of_statements(
    *,
    ratios: Annotated[str, Parameter(help="One or several with commas between, by the names above.")],
    subject: Annotated[str, Parameter(help="One firm, by its name in the owners' column `firm`.")] = "",
    subjects: Subjects = "all",
    year: Year = 0,
    decimals: Annotated[int, Parameter(help="0 to 4. Owners round before they encrypt: more never reach you.")] = 4,
    no_balance: Annotated[
        bool, Parameter(negative="", help="Do not look whether statements balance; they may lack these items then.")
    ] = False,
    dataset: Dataset = "statements",
    where: Where = "",
    allow_missing: Absent = False,
    purpose: Purpose = "",
    called: Called = "",
    call: CallFile = None,
    days: Days = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Financial ratios of firms, without their statements: these stay with their owners, encrypted for this request.

    Ratios: current, quick, cash, debt_to_equity, debt_ratio, equity_multiplier, roa, roe, net_margin, asset_turnover,
    interest_cover, and dupont, which is four at once.

    Each owner's node has a part of the key and lends it only if the owner's policy allows the question: without it
    nothing is decrypted. Only you learn the figures. What divides by zero is shown as undefined.

    Example: `steelyard ratio --subject firm-a --ratios current,debt_to_equity,roa --json`

    Firms without a node answer first: `steelyard ratio --subject firm-x --ratios current,roa --call firm-x.call`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked = with_options(
        asked,
        ratios=listed(ratios),
        subjects=named(subject, subjects),
        year=year,
        decimals=decimals,
        balance=not no_balance,
    )
    if call or called:
        publish("ratio", f"{dataset}.firm", asked, listed(called) if called else [], call, days, json=json)
    else:
        ask_and_show("ratio", f"{dataset}.firm", asked, json)


def listed(names: str) -> list[str]:
    """Names with commas between."""
    return [each.strip() for each in names.split(",")]


def named(subject: str, subjects: str) -> list[str]:
    """The firms that one or several names stand for; none for all."""
    several = [] if subjects.strip() == "all" else listed(subjects)
    return [subject, *several] if subject else several
