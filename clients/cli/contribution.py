"""`steelyard contribution`: what a sponsor's firms have contributed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.invocation import open_client
from clients.cli.options import Json
from clients.cli.output import emit, note
from clients.cli.times import time_of

if TYPE_CHECKING:
    from clients.sdk.records import Contribution

app = App(
    name="contribution",
    help="""Contributions that you sponsor, and which nodes have taken them.

Where do they stand?  `steelyard contribution list`
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
