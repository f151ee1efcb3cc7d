"""`steelyard share`, `refresh`, `recover`, `reshare`, and `sharing`: data that stays with the nodes in shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import App, Parameter

from clients.cli.ask import Missing, Purpose, Where, ask_and_show, asked_for, describe_progress
from clients.cli.invocation import open_client
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.output import confirm, emit, note, progress
from steelyard.errors import Cancelled, Failed, Invalid, NotFound, Unreachable

if TYPE_CHECKING:
    from clients.sdk.results import Party as Known
    from clients.sdk.sharings import Sharing

app = App(
    name="sharing",
    help="""Data that stays with the nodes in shares: what there is, and forgetting it.

What is there?    `steelyard sharing list`

Ask about it:     `steelyard sum @pool`
""",
)

Name: TypeAlias = Annotated[str, Parameter(help="The sharing's name, such as pool.")]
Every: TypeAlias = Annotated[
    str, Parameter(help="Again after each span, such as 24h or 30m, until stopped; a node that is down ends nothing.")
]
STARTS = 10.0  # seconds for a node that was just started to be heard of
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
    """Gives all holders new shares of the same values: what was stolen before does not go with what is stolen later.

    Questions are answered meanwhile. If it fails, nothing has changed. Who was away is to be recovered.

    Example: `steelyard refresh pool`, or `steelyard refresh pool --every 24h`
    """
    pause = _seconds(every)
    while True:
        try:
            upkeep("refresh", name, purpose, timeout, json)
        except Failed as error:  # somebody was away: the schedule goes on
            if not pause:
                raise
            note(f"@{name.removeprefix('@')} was not refreshed: {error.message}. The next try is in {every}.")
        if not pause:
            return
        time.sleep(pause)


def recover_share(
    party: Annotated[str, Parameter(help="The party whose node has lost or missed its shares; it must be up.")],
    *,
    name: Annotated[str, Parameter(help="Only of this sharing; by default of all that the party misses.")] = "",
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Gives a node its shares back after it has lost its disk, or missed a change; then refreshes them.

    The other nodes rebuild them, and only that node learns them. Several nodes are recovered one after the other.

    Example: `steelyard recover bank-b`
    """
    with open_client() as client:
        _check_up(party, client.parties)
        names = [name] if name else _missed_by(party, client.sharings())
    if not names:
        note(f"{party} misses no share: nothing was done.")
    for each in names:
        upkeep("recover", each, purpose, timeout, json, party=party)
        upkeep("refresh", each, purpose, timeout, json)


def reshare_sharing(
    name: Name,
    *,
    threshold: Annotated[
        int, Parameter(help="How many holders together are to be able to open it; one less learns nothing.")
    ],
    add: Annotated[str, Parameter(help="New holders, with commas between.")] = "",
    remove: Annotated[str, Parameter(help="Holders who leave, with commas between.")] = "",
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Moves a sharing to other holders, or to another threshold; the values stay, and who leaves erases its share.

    Example: `steelyard reshare pool --threshold 3 --add bank-f --remove bank-b`
    """
    with open_client() as client:
        now = client.sharing(name).holders
    if strangers := [each for each in _names(remove) if each not in now]:
        raise Invalid(f"{', '.join(strangers)} cannot leave, for its holders are {', '.join(now)}")
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
    """Erases a sharing at all its holders, for good: nobody can bring it back.

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


def _check_up(party: str, parties: Callable[[], Iterable[Known]]) -> None:
    """A node that was started a moment ago may not be known to answer yet."""
    until = time.monotonic() + STARTS
    while True:
        found = {each.id: each for each in parties()}
        if party not in found:
            raise NotFound(f"there is no party {party[:60]!r}; there are {', '.join(found)}")
        if found[party].reachable:
            return
        if time.monotonic() >= until:
            break
        time.sleep(0.5)
    raise Unreachable(f"{party} does not answer: start its node, with an empty state folder if its disk is lost")


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
