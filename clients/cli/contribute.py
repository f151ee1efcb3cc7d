"""`steelyard contribute`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from clients.cli.contribution import shown
from clients.cli.invocation import open_client, open_profile
from clients.cli.options import Json
from clients.cli.output import emit, note, progress

if TYPE_CHECKING:
    from clients.sdk.profile import Profile
    from steelyard.documents.contribution import Bundle

LIFE_DAYS = 30  # as in clients.sdk.firm, which takes longer to import


def contribute(
    file: Annotated[Path, Parameter(help="A CSV, Parquet or Excel file.")],
    *,
    party: Annotated[str, Parameter(help="The firm; its keys are made at the first use.")],
    dataset: Annotated[str, Parameter(help="What it contributes to; by default the file's name.")] = "",
    columns: Annotated[str, Parameter(help="Columns of numbers, with commas between; by default all.")] = "",
    schema: Annotated[Path | None, Parameter(help="A TOML file with the columns; else they are inferred.")] = None,
    days: Annotated[int, Parameter(help=f"How long it may be used [default: {LIFE_DAYS}].")] = LIFE_DAYS,
    timeout: Annotated[float, Parameter(help="Seconds to wait until all nodes have it [default: 60].")] = 60.0,
    out: Annotated[Path | None, Parameter(help="Write the sealed bundle here, for the sponsor to submit.")] = None,
    json: Json = False,
) -> None:
    """Seals one share of a firm's table for each node; the coordinator carries them and can open none.

    A newer contribution of a firm to a dataset replaces the one before.

    Example: `steelyard contribute ledger.csv --party firm-x --dataset receivables --columns amount`
    """
    named = tuple(each.strip() for each in columns.split(",") if each.strip())
    into = dataset or file.stem
    if out is not None:
        bundle = _sealed(open_profile(), party, file, into, named, schema, days)
        _save(bundle, out, party, into, json=json)
        return
    with open_client() as client, progress(f"contributing {file.name}"):
        found = client.contribute(file, party, into, named, schema=schema, days=days, timeout=timeout)
    emit(found.to_json() if json else shown(found), json=json)
    if found.waiting:
        note("Some nodes have not answered yet: the coordinator delivers it when they do.")


def _sealed(
    profile: Profile, party: str, file: Path, dataset: str, columns: tuple[str, ...], schema: Path | None, days: int
) -> Bundle:
    from clients.sdk.firm import Firm
    from clients.sdk.firm_table import read_table
    from steelyard.functions.record import PURPOSE

    firm = Firm.of(profile, party, make=False)
    found = read_table(file, columns, schema)
    return firm.seal(found.layers, dataset=dataset, purpose=PURPOSE, columns=found.columns, rows=found.rows, days=days)


def _save(bundle: Bundle, out: Path, party: str, dataset: str, *, json: bool) -> None:
    from clients.sdk.firm import save

    save(bundle, out)
    facts: dict[str, Any] = {"contributor": party, "dataset": dataset, "file": str(out), "bytes": bundle.size}
    emit(facts, json=json)
    note(f"Give it to your sponsor: steelyard contribution submit {out.name}")
