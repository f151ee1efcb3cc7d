"""`steelyard ledger`: what an owner's node has released."""

from __future__ import annotations

from cyclopts import App

from clients.cli.invocation import open_owner
from clients.cli.options import Json, Party
from clients.cli.output import emit, note
from clients.cli.times import time_of

app = App(
    name="ledger",
    help="""What your node has released in this period, and the privacy budget left.

What is out already?  `steelyard ledger show --party bank-a`
""",
)


@app.command
def show(*, party: Party = "", json: Json = False) -> None:
    """Shows the releases and budgets that the node decides by.

    Example: `steelyard ledger show --party bank-a --json`
    """
    with open_owner(party) as owner:
        found = owner.ledger()
    if json:
        emit({"party": owner.party, **found.to_json()}, json=True)
        return
    emit(
        [
            {
                "time": time_of(each.time_ms),
                "released": f"{each.function} of {each.column}",
                "where": each.filter,
                "to": each.requester,
                "over": each.parties,
                "epsilon": each.epsilon or "exact",
            }
            for each in found.releases
        ],
        json=False,
    )
    for budget in found.budgets:
        note(f"Privacy budget of {budget.dataset}: {budget.spent} of {budget.allowed} spent")
