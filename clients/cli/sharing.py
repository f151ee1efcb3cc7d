"""`steelyard share`, `refresh`, `recover`, `reshare`, and `sharing`: data that stays with the nodes in shares."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import App, Parameter

from clients.cli.ask import Missing, Purpose, Where, ask_and_show, asked_for, describe_progress
from clients.cli.invocation import open_client
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.output import confirm, emit, note, progress
from steelyard.errors import Cancelled, Invalid

if TYPE_CHECKING:
    from clients.sdk.sharings import Sharing

app = App(
    name="sharing",
    help="""Data that stays with the nodes in shares: what there is, and forgetting it.

What is there?    `steelyard sharing list`

Ask about it:     `steelyard sum @pool`
""",
)

Name: TypeAlias = Annotated[str, Parameter(help="The sharing's name, such as pool.")]
Every: TypeAlias = Annotated[str, Parameter(help="Again and again, such as 24h or 30m, until it is stopped.")]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def share_columns(
    columns: Annotated[str, Parameter(help="dataset.column, or several: accounts.balance,exposure.")],
    *,
    name: Name,
    where: Where = "",
    vector: Annotated[bool, Parameter(negative="", help="Rows have positions; their number becomes known.")] = False,
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Leaves columns with the nodes in shares, to be asked about later as @NAME, without the owners' files.

    Example: `steelyard share accounts.balance --name pool`, then `steelyard sum @pool`
    """
    from clients.sdk.questions import beside, with_options

    first, *others = columns.split(",")
    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    ask_and_show("share", first, with_options(asked, name=name, others=beside(first, others), vector=vector), json)


def refresh_sharing(
    name: Name,
    *,
    every: Every = "",
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Renews all shares of a sharing: shares stolen before and after do not go together.

    Example: `steelyard refresh pool`, or `steelyard refresh pool --every 24h`
    """
    pause = _seconds(every)
    while True:
        upkeep("refresh", name, purpose, timeout, json)
        if not pause:
            return
        time.sleep(pause)


def recover_share(
    party: Annotated[str, Parameter(help="The party whose node has lost its shares.")],
    *,
    name: Annotated[str, Parameter(help="Only of this sharing; by default of all that the party misses.")] = "",
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Gives a node its shares back after it has lost its disk, or missed a change; then refreshes them.

    Example: `steelyard recover bank-b`
    """
    with open_client() as client:
        names = [name] if name else _missed_by(party, client.sharings())
    if not names:
        note(f"{party} misses no share.")
    for each in names:
        upkeep("recover", each, purpose, timeout, json, party=party)
        upkeep("refresh", each, purpose, timeout, json)


def reshare_sharing(
    name: Name,
    *,
    threshold: Annotated[int, Parameter(help="That many shares are to reconstruct.")],
    add: Annotated[str, Parameter(help="New holders, with commas between.")] = "",
    remove: Annotated[str, Parameter(help="Holders who leave, with commas between.")] = "",
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Moves a sharing to other holders, or to another threshold; who leaves erases its share.

    Example: `steelyard reshare pool --threshold 3 --add bank-f --remove bank-b`
    """
    with open_client() as client:
        now = client.sharing(name).holders
    holders = [each for each in dict.fromkeys([*now, *_names(add)]) if each not in _names(remove)]
    if not (yes or json) and not confirm(f"Let {', '.join(holders)} hold @{name}, any {threshold} of them together?"):
        raise Cancelled("nothing was moved")
    upkeep("reshare", name, purpose, timeout, json, holders=holders, shares=threshold)


@app.command(name="list")
def list_sharings(*, json: Json = False) -> None:
    """Lists the sharings that the nodes describe: columns, holders, and who misses its share.

    Example: `steelyard sharing list`
    """
    with open_client() as client:
        found = client.sharings()
    emit([each.to_json() for each in found], json=json)


@app.command
def forget(
    name: Name,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Erases a sharing at all its holders, for good.

    Example: `steelyard sharing forget pool --yes`
    """
    if not yes and not confirm(f"Erase @{name} at all its holders?"):
        raise Cancelled("nothing was erased")
    upkeep("forget", name, purpose, timeout, json)


def upkeep(function: str, name: str, purpose: str, timeout: float, json: bool, **options: object) -> None:
    from clients.cli.ask import show_result
    from clients.sdk.questions import with_options

    asked = asked_for("", "", "", "", True, purpose, timeout)
    with open_client() as client, progress(f"{function} @{name.removeprefix('@')}") as report:
        asked["on_progress"] = lambda computation: report(describe_progress(computation))
        result = client.ask(function, f"@{name.removeprefix('@')}", **with_options(asked, **options))
    show_result(result, json=json)


def _missed_by(party: str, sharings: Iterable[Sharing]) -> list[str]:
    """A node that has lost everything does not know what it lost: the others name it as a holder."""
    return [each.name for each in sharings if party in each.missing]


def _names(written: str) -> list[str]:
    return [each.strip() for each in written.split(",") if each.strip()]


def _seconds(every: str) -> float:
    if not every:
        return 0.0
    number, unit = every[:-1], every[-1]
    if unit not in _UNITS or not number.isdecimal() or not int(number):
        raise Invalid(f"{every[:20]!r} is no span of time: write 30m, 24h or 7d")
    return float(int(number) * _UNITS[unit])
