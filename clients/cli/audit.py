"""`steelyard audit`: what an owner's node wrote down."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from clients.cli.ask import Purpose
from clients.cli.invocation import open_owner
from clients.cli.options import DEFAULT_TIMEOUT, Json, Party, Timeout
from clients.cli.output import emit, note
from clients.cli.sharing import upkeep
from clients.cli.times import time_of
from steelyard.errors import Cheated

app = App(
    name="audit",
    help="""Checks: of the shares of a stored sharing, and of your node's log, whose entries are chained.

Do the shares belong together?  `steelyard audit pool`

What happened at my node?       `steelyard audit show --party bank-a`
""",
)


@app.default
def check(
    name: Annotated[str, Parameter(help="A stored sharing, such as pool.")],
    *,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Whether all shares of a sharing belong together, without opening anything; names who holds a wrong one.

    Example: `steelyard audit pool`
    """
    upkeep("audit", name, purpose, timeout, json)


@app.command
def show(
    *,
    party: Party = "",
    after: Annotated[int, Parameter(help="Entries after this number; 0 for the newest.")] = 0,
    limit: Annotated[int, Parameter(help="At most this many, 1 to 1000.")] = 100,
    json: Json = False,
) -> None:
    """Shows the log and whether its chain is whole; fails (6) when somebody changed it.

    Example: `steelyard audit show --party bank-a --limit 20`
    """
    with open_owner(party) as owner:
        found = owner.audit(after, limit)
    if json:
        emit({"party": owner.party, **found.to_json()}, json=True)
    else:
        rows = [
            {
                "number": each.sequence,
                "time": time_of(each.time_ms),
                "event": each.event,
                "particulars": [f"{key}={value}" for key, value in each.fields.items()],
            }
            for each in found.entries
        ]
        emit(rows, json=False)
        note(f"Newest digest: {found.head}. Keep it elsewhere, and nobody can shorten this log unnoticed.")
    if not found.intact:
        raise Cheated(f"the chain of the audit log of {owner.party} is broken", party=owner.party)
