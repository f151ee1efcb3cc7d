"""`steelyard data`: an owner's own datasets at their own node."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.invocation import open_owner, open_owners
from clients.cli.options import Json, Party
from clients.cli.output import confirm, emit, note, progress
from clients.cli.times import time_of
from steelyard.errors import Cancelled

if TYPE_CHECKING:
    from clients.sdk.records import OwnedDataset

app = App(
    name="data",
    help="""Import, list, show and delete your own data at your own node.

Bring a table in:  `steelyard data import accounts.csv --dataset accounts --schema accounts.schema.toml`

What is there?     `steelyard data list`

Read it back:      `steelyard data show accounts --rows 5`
""",
)


@app.command(name="import")
def import_file(
    file: Annotated[Path, Parameter(help="A CSV, Parquet or Excel file.")],
    *,
    dataset: Annotated[str, Parameter(help="What it is called from now on; by default the file's name.")] = "",
    schema: Annotated[Path | None, Parameter(help="A TOML file with the columns; else they are inferred.")] = None,
    party: Party = "",
    json: Json = False,
) -> None:
    """Stores a file as a dataset, replacing one of that name: all of it or, at the first bad cell, nothing.

    Example: `steelyard data import accounts.csv --party bank-a --dataset accounts --schema accounts.schema.toml`
    """
    with open_owner(party) as owner, progress(f"importing {file.name}"):
        stored = owner.import_dataset(file, dataset or file.stem, schema)
    shown = {"party": owner.party, **stored.to_json()}
    emit(shown if json else _row(owner.party, stored), json=json)
    if stored.unchanged:
        note("The content is the same as before, so its version stays.")


@app.command(name="list")
def list_datasets(*, party: Party = "", json: Json = False) -> None:
    """Lists your datasets with their numbers of rows and versions.

    Example: `steelyard data list --party bank-a`
    """
    with ExitStack() as stack:
        owners = [stack.enter_context(owner) for owner in open_owners(party)]
        found = [(owner.party, dataset) for owner in owners for dataset in owner.datasets()]
    if json:
        emit([{"party": name, **dataset.to_json()} for name, dataset in found], json=True)
        return
    emit([_row(name, dataset) for name, dataset in found], json=False)
    if not found:
        note("There are none: steelyard data import FILE.")


@app.command
def show(
    dataset: Annotated[str, Parameter(help="The dataset's name.")],
    *,
    rows: Annotated[int, Parameter(help="At most this many rows, from the first; 0 for all.")] = 20,
    party: Party = "",
    json: Json = False,
) -> None:
    """Shows the rows of your own dataset, opened by your node for its owner only.

    Example: `steelyard data show accounts --party bank-a --rows 5`
    """
    with open_owner(party) as owner:
        found = owner.show_dataset(dataset, rows)
    names = [each.name for each in found.dataset.dataset.columns]
    table = [dict(zip(names, each, strict=True)) for each in found.rows]
    if json:
        emit({"party": owner.party, **found.dataset.to_json(), "table": table}, json=True)
        return
    emit(table, json=False)
    note(f"{len(table)} of {found.dataset.rows} rows. This look is in your audit log.")


@app.command
def delete(
    dataset: Annotated[str, Parameter(help="The dataset's name.")],
    *,
    party: Party = "",
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Deletes a dataset from your node; what was released stays in the ledger.

    Example: `steelyard data delete accounts --party bank-a --yes`
    """
    with open_owner(party) as owner:
        if not yes and not confirm(f"Delete {dataset} from the node of {owner.party}?"):
            raise Cancelled("nothing was deleted")
        owner.delete_dataset(dataset)
    emit({"party": owner.party, "deleted": dataset}, json=json)


def _row(party: str, stored: OwnedDataset) -> dict[str, Any]:
    return {
        "party": party,
        "dataset": stored.dataset.name,
        "columns": [f"{each.name} {each.type}" for each in stored.dataset.columns],
        "rows": stored.rows,
        "version": stored.version,
        "imported": time_of(stored.imported_ms),
    }
