"""`steelyard party`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclopts import App

from clients.cli.invocation import open_client
from clients.cli.options import Json
from clients.cli.output import emit
from clients.cli.times import time_of

if TYPE_CHECKING:
    from clients.sdk.results import Party

app = App(
    name="party",
    help="""The parties of the consortium and what they describe.

Who answers, and with which datasets?  `steelyard party list`
""",
)


@app.command(name="list")
def list_parties(*, json: Json = False) -> None:
    """Lists the parties, whether they answer, and the datasets that their owners let others ask about.

    Example: `steelyard party list --json`
    """
    with open_client() as client:
        parties = client.parties()
    emit([each.to_json() for each in parties] if json else [_row(each) for each in parties], json=json)


def _row(party: Party) -> dict[str, Any]:
    columns = [f"{dataset.name}.{column.name}" for dataset in party.datasets for column in dataset.columns]
    return {
        "party": party.id,
        "answers": party.reachable,
        "last seen": time_of(party.seen_ms),
        "version": party.version,
        "certificate": f"{party.certificate_days} days",
        "columns": columns,
        "problem": party.problem,
    }
