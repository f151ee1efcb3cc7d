"""`steelyard model`: what an owner's node keeps of the models it helped to train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.invocation import open_owner, open_owners
from clients.cli.options import Json, Party
from clients.cli.output import emit, note
from steelyard.errors import Invalid, NotFound

if TYPE_CHECKING:
    from clients.sdk.owner import Owner
    from clients.sdk.records import OwnedModel

app = App(
    name="model",
    help="""Models that your node keeps; the same model has the same hash at every party.

What is there?   `steelyard model list`

Take one out:    `steelyard model export credit --out credit.npz`
""",
)
Name = Annotated[str, Parameter(help="What `train --name` called it.")]


@app.command(name="list")
def list_models(*, party: Party = "", json: Json = False) -> None:
    """Lists the models that your nodes keep.

    Example: `steelyard model list --json`
    """
    rows: list[dict[str, Any]] = []
    for owner in open_owners(party):
        with owner:
            rows += [_row(owner.party, each, json) for each in owner.models()]
    emit(rows, json=json)
    if not rows:
        note("No model yet: steelyard train DATASET --target COLUMN makes one.")


@app.command
def show(name: Name, *, party: Party = "", json: Json = False) -> None:
    """Shows a model's card: what it is of, how it came about, how good it is.

    Example: `steelyard model show model --json`
    """
    owner, found = keeper(open_owners(party), name)
    with owner:
        shown = {"party": owner.party, **found.card, "hash": found.digest, "bytes": found.bytes}
    emit(shown, json=json)


@app.command
def export(
    name: Name,
    *,
    out: Annotated[Path | None, Parameter(help="The file to write; by default NAME.npz.")] = None,
    party: Party = "",
    json: Json = False,
) -> None:
    """Writes a model to a file: numpy's npz with its card as JSON in it, and the card beside it.

    Example: `steelyard model export model --out credit.npz`
    """
    owner, found = keeper(open_owners(party), name)
    with owner:
        content = owner.export_model(name)
    file = out or Path(f"{name}.npz")
    card = file.with_suffix(".json")
    try:
        file.write_bytes(content)
        card.write_text(_pretty(found.card))
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}") from None
    emit({"file": str(file), "card": str(card), "hash": found.digest, "bytes": len(content)}, json=json)
    note("It is outside of the vault now: whoever has the file has the model.")


@app.command
def recall(name: Name, *, party: Party = "", json: Json = False) -> None:
    """Gets a model that your node missed from the other parties, if it was lost when training ended.

    Example: `steelyard model recall model --party bank-a`
    """
    with open_owner(party) as owner:
        found = owner.recall_model(name)
    emit(_row(owner.party, found, json), json=json)


@app.command
def delete(name: Name, *, party: Party = "", json: Json = False) -> None:
    """Erases a model at your node; other parties keep theirs.

    Example: `steelyard model delete model --party bank-a`
    """
    with open_owner(party) as owner:
        owner.delete_model(name)
    emit({"party": owner.party, "deleted": name}, json=json)


def keeper(owners: Sequence[Owner], name: str) -> tuple[Owner, OwnedModel]:
    """The first of these owners whose node keeps the model.  Raises NotFound."""
    for owner in owners:
        try:
            return owner, owner.model(name)
        except NotFound:
            owner.close()
    raise NotFound(f"no node of yours keeps a model {name[:60]!r}; `steelyard model list` shows those there are")


def _row(party: str, model: OwnedModel, json: bool) -> dict[str, Any]:
    card = model.card
    quality = card.get("quality", {})
    return {
        "party": party,
        "name": model.name,
        "kind": card["kind"],
        "target": f"{card['dataset']}.{card['target']}",
        "auc": quality.get("auc"),
        "epsilon": card.get("epsilon") or None,
        "hash": model.digest if json else model.digest[:16],
        "kept_ms": model.kept_ms,
    }


def _pretty(card: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(card), indent=2).decode() + "\n"
