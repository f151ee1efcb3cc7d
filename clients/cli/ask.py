"""`steelyard sum`, `count`, `mean` and `exceeds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.output import emit, note, progress

if TYPE_CHECKING:
    from clients.sdk.questions import Asked
    from clients.sdk.results import Bin, Computation, Result

Column: TypeAlias = Annotated[str, Parameter(help="dataset.column, such as accounts.balance.")]
Where: TypeAlias = Annotated[str, Parameter(help="Only rows that satisfy this: =, IN, ranges, AND.")]
GroupBy: TypeAlias = Annotated[str, Parameter(help="One result for each group of this text column.")]
Groups: TypeAlias = Annotated[str, Parameter(help="The groups, with commas between; else those the owners declare.")]
Vector: TypeAlias = Annotated[int, Parameter(help="Sum vectors of this length, position by position.")]
Epsilon: TypeAlias = Annotated[str, Parameter(help="Add noise for differential privacy, such as 0.5; spends budget.")]
Missing: TypeAlias = Annotated[
    bool, Parameter(negative="", help="Leave out parties that do not answer; forbids the full total for a while.")
]
Purpose: TypeAlias = Annotated[str, Parameter(help="A sentence for the owners who approve.")]

Limit: TypeAlias = Annotated[str, Parameter(help="The number to compare with, such as 10000.00.")]

_SHOWN_POSITIONS = 10
_SHOWN_NAMES = 20
_TABLES = ("coefficients",)  # shown as tables of their own


def sum_column(
    column: Column,
    *,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    vector: Vector = 0,
    epsilon: Epsilon = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Adds up a column over all parties, exactly; each party's part stays with it.

    Example: `steelyard sum accounts.balance --where "segment = 'retail'" --json`

    By group: `steelyard sum accounts.balance --group-by segment --groups retail,corporate`
    """
    asked = asked_for(where, group_by, groups, epsilon, allow_missing, purpose, timeout)
    asked["length"] = vector
    ask_and_show("sum", column, asked, json)


def count_column(
    column: Column,
    *,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    epsilon: Epsilon = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Counts the rows with a value in a column, over all parties.

    Example: `steelyard count accounts.balance --where "segment = 'retail'"`
    """
    ask_and_show("count", column, asked_for(where, group_by, groups, epsilon, allow_missing, purpose, timeout), json)


def mean_column(
    column: Column,
    *,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    epsilon: Epsilon = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """The mean of a column over all parties; its sum and the number of rows become known, too.

    Example: `steelyard mean accounts.balance --group-by segment`
    """
    ask_and_show("mean", column, asked_for(where, group_by, groups, epsilon, allow_missing, purpose, timeout), json)


def exceeds_column(
    column: Column,
    limit: Limit,
    *,
    where: Where = "",
    group_by: GroupBy = "",
    groups: Groups = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Whether the sum of a column over all parties is greater than a limit; the sum itself becomes known to nobody.

    Owners let the same data be compared only so often, for every answer narrows the sum down.

    Example: `steelyard exceeds accounts.balance 10000 --json`
    """
    asked = asked_for(where, group_by, groups, "", allow_missing, purpose, timeout)
    asked["limit"] = limit
    ask_and_show("exceeds", column, asked, json)


def show_result(result: Result, *, json: bool) -> None:
    """Prints a result: the figures on stdout, what they reveal on stderr."""
    if json:
        emit(result.to_json(), json=True)
        return
    if coefficients := result.value.get("coefficients"):
        emit(coefficients, json=False)
    emit(_for_people(result), json=False)
    for warning in _warnings(result):
        note(warning)
    note("This revealed:")
    for leak in result.leakage:
        note(f"  {leak.what} -> {leak.to}")
    note(f"See it again: steelyard computation show {result.computation}")


def describe_progress(computation: Computation) -> str:
    """One line for people."""
    parts = [f"{each.party} {each.state}{f' ({each.step})' if each.step else ''}" for each in computation.parties]
    return f"{computation.state}  {'  '.join(parts)}"


def asked_for(
    where: str, group_by: str, groups: str, epsilon: str, allow_missing: bool, purpose: str, timeout: float
) -> Asked:
    return {
        "where": where,
        "group_by": group_by,
        "groups": [each.strip() for each in groups.split(",")] if groups else [],
        "epsilon": epsilon,
        "allow_missing": allow_missing,
        "purpose": purpose,
        "timeout": timeout,
    }


def ask_and_show(function: str, column: str, asked: Asked, json: bool) -> None:
    from clients.cli.invocation import open_client

    with open_client() as client, progress("asking the parties") as report:
        asked["on_progress"] = lambda computation: report(describe_progress(computation))
        result = client.ask(function, column, **asked)
    show_result(result, json=json)


def _firm(found: dict[str, Any], *, vouched: bool) -> dict[str, Any]:
    """Whose word it is, too: that of the party that holds the statement, or of a firm that somebody vouches for."""
    plain = {
        name: each
        for group in (found.get("ratios", {}), {"score": found} if "score" in found else {})
        for name, each in group.items()
    }
    flat = {name: figure(each) for name, each in plain.items()}
    sponsor = {"sponsor": found.get("sponsor", "")} if vouched else {}
    return {"subject": found["subject"], "party": found["party"], **sponsor, "year": found["year"], **flat}


def figure(found: dict[str, Any]) -> str:
    """A ratio, a score, why there is none, or several in one cell."""
    if parts := [f"{name} {figure(each)}" for name, each in found.items() if isinstance(each, dict)]:
        return ", ".join(parts)
    return str(found.get("value") or found.get("score") or found.get("reason"))


def _for_people(result: Result) -> Any:
    if result.bins:
        return [_bin(each) for each in result.bins]
    if firms := result.value.get("firms"):
        vouched = any("sponsor" in each for each in firms)
        return [_firm(each, vouched=vouched) for each in firms]
    if result.value.get("top"):
        return result.value["top"]
    if result.groups:
        return [{"group": each.name, result.function: _shown(each.value, each.suppressed)} for each in result.groups]
    if result.vector is not None:
        figures = result.to_json()["result"]["vector"]
        more = [f"... {len(figures) - _SHOWN_POSITIONS} more (--json prints all)"]
        return {"positions": figures[:_SHOWN_POSITIONS] + (more if len(figures) > _SHOWN_POSITIONS else [])}
    figures = {
        key: value
        for key, value in result.value.items()
        if key not in ("suppressed", "noise", "quantiles", "left_out", "dropped", "history", *_TABLES)
    }
    figures |= {f"quantile {at}": value for at, value in result.quantiles.items()}
    return {key: _shown(value, result.suppressed) for key, value in figures.items()}


def _bin(each: Bin) -> dict[str, str]:
    ends = {"from": "" if each.low is None else str(each.low), "below": "" if each.high is None else str(each.high)}
    return {**({"group": each.group} if each.group else {}), **ends, "rows": _shown(each.count, each.suppressed)}


def _shown(value: object, suppressed: bool) -> str:
    if suppressed:
        return "suppressed (too few rows)"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(each, False)}" for name, each in value.items())
    if isinstance(value, list):
        more = [f"... {len(value) - _SHOWN_NAMES} more (--json prints all)"] if len(value) > _SHOWN_NAMES else []
        return ", ".join([*map(str, value[:_SHOWN_NAMES]), *more]) or "none"
    return "none" if value is None else str(value)


def _warnings(result: Result) -> list[str]:
    widths = ", ".join(f"{figure} {width}" for figure, width in result.noise.items())
    said = {
        f"Without: {', '.join(result.missing)}": result.missing,
        "Right if all nodes keep to the protocol: comparisons and products are not checked.": not result.checked,
        "Not verified: so few nodes replied that a wrong share would have gone unnoticed.": not result.verified,
        f"Standard deviation of the noise: {widths}": widths,
        f"Wrong shares, corrected, came from: {', '.join(result.culprits)}": result.culprits,
        f"Replies that prove nothing were set aside, of: {', '.join(result.rejected)}": result.rejected,
    }
    return [*(sentence for sentence, holds in said.items() if holds), *_remarks(result.value)]


def _remarks(value: Mapping[str, Any]) -> list[str]:
    """What single functions say beside their figures."""
    balanced = "; every statement balances" if value.get("balanced") else ""
    doubted = "Contributions left out as their check failed (owners see whose: steelyard audit show)"
    said = {
        "left_out": f"Left out, for too few rows: {_listed(value.get('left_out'))}",
        "waiting": f"Contributions that wait: not at all nodes yet, or no room: {value.get('waiting')}",
        "doubted": f"{doubted}: {value.get('doubted')}",
        "error_bound": f"Figures are within {value.get('error_bound')} of the exact ones{balanced}.",
        "missing": f"Nobody has brought a statement of: {_listed(value.get('missing'))}",
        "dropped": f"Dropped out on the way: {_listed(value.get('dropped'))}",
    }
    return [sentence for name, sentence in said.items() if value.get(name)]


def _listed(names: Any) -> str:
    return ", ".join(names) if isinstance(names, list | tuple) else str(names)
