"""`steelyard contribution`: what a sponsor's firms have contributed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.invocation import open_client, open_owner
from clients.cli.options import Json, Party
from clients.cli.output import emit, note
from clients.cli.times import time_of

if TYPE_CHECKING:
    from clients.sdk.records import Contribution, InboxItem

app = App(
    name="contribution",
    help="""Contributions that you sponsor, and which nodes have taken them.

Where do they stand?      `steelyard contribution list`

What waits at my node?    `steelyard contribution inbox --party bank-a`
""",
)


@app.command(name="list")
def list_contributions(
    *, limit: Annotated[int, Parameter(help="At most this many.")] = 100, json: Json = False
) -> None:
    """Lists the contributions that you sponsor, newest first, and what each node says.

    Example: `steelyard contribution list --limit 10`
    """
    with open_client() as client:
        found = client.contributions(limit)
    emit([each.to_json() if json else shown(each) for each in found], json=json)
    if not found and not json:
        note("There are none: steelyard contribute FILE --party FIRM.")


@app.command
def submit(
    bundles: Annotated[list[Path], Parameter(help="Files that `steelyard contribute --out` made.")],
    *,
    json: Json = False,
) -> None:
    """Hands in sealed contributions of firms that you sponsor; a file handed in again changes nothing.

    Example: `steelyard contribution submit firm-x.sealed`
    """
    from clients.sdk.firm import load

    loaded = [load(each) for each in bundles]
    with open_client() as client:
        ids = client.hand_in(loaded)
    emit([{"id": each, "file": str(file)} for each, file in zip(ids, bundles, strict=True)], json=json)


@app.command
def inbox(*, party: Party = "", json: Json = False) -> None:
    """As an owner: lists the firms' contributions that wait at your node, for a computation that takes them up.

    Example: `steelyard contribution inbox --party bank-a`
    """
    with open_owner(party) as owner:
        found = owner.inbox()
    emit([each.to_json() if json else _waiting(each) for each in found], json=json)
    if not found and not json:
        note("Nothing waits.")


@app.command
def drop(
    contribution: Annotated[str, Parameter(help="Its id, as `steelyard contribution inbox` shows it.")],
    *,
    party: Party = "",
    json: Json = False,
) -> None:
    """As an owner: forgets your node's share of a firm's contribution, which then counts nowhere.

    For one that failed its check and nobody can say whether firm or node is to blame: the audit log names both.

    Example: `steelyard contribution drop 0f3c4d5e6f708192a3b4c5d6e7f80910 --party bank-a`
    """
    with open_owner(party) as owner:
        owner.drop_contribution(contribution)
    emit({"party": owner.party, "dropped": contribution}, json=json)
    note("The firm may contribute again.")


def _waiting(found: InboxItem) -> dict[str, Any]:
    return {
        "id": found.id,
        "contributor": found.contributor,
        "sponsor": found.sponsor,
        "dataset": found.dataset,
        "made": time_of(found.created_ms),
        "until": time_of(found.expires_ms),
    }


def shown(found: Contribution) -> dict[str, Any]:
    """For people."""
    return {
        "id": found.id,
        "contributor": found.contributor,
        "dataset": found.dataset,
        "columns": found.columns,
        "made": time_of(found.created_ms),
        "until": time_of(found.expires_ms),
        "nodes": [f"{each.party} {each.state}" for each in found.deliveries],
        "problem": "; ".join(each.message for each in found.refused),
    }
