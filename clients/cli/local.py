"""`steelyard local`: a whole consortium on this machine, one process per party."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.options import Directory, Json
from clients.cli.output import confirm, emit, note, progress
from steelyard.errors import Cancelled

if TYPE_CHECKING:
    from clients.local.imports import Import
    from clients.local.layout import LocalConsortium
    from clients.local.runner import Status
    from clients.sdk.records import OwnedDataset

app = App(
    name="local",
    help="""A whole consortium on this machine, one process per party, for demonstrations and tests.

Start:     `steelyard local up --dir d --parties 4 --threshold 2 --data examples/balances`

Look:      `steelyard local status --dir d`

Break it:  `steelyard local kill bank-b --dir d`, then `steelyard local start bank-b --dir d`

Stop:      `steelyard local down --dir d`
""",
)

Parties = Annotated[str, Parameter(help="A number (bank-a, bank-b, ...) or names with commas between.")]
Threshold = Annotated[int, Parameter(help="How many nodes it takes to open a result; fewer learn nothing.")]
MinimumGroup = Annotated[
    int | None, Parameter(help="Fewest parties behind a result [default: 3, or threshold + 1 if more].")
]
Name = Annotated[str, Parameter(help="A party, or coordinator.")]


@app.command
def up(
    *,
    dir: Directory = None,
    parties: Parties = "",
    threshold: Threshold | None = None,
    data: Annotated[Path | None, Parameter(help="DATA/PARTY/DATASET.csv is imported, also .parquet, .xlsx.")] = None,
    minimum_group: MinimumGroup = None,
    port_base: Annotated[int | None, Parameter(help="The coordinator's port; the nodes' follow.")] = None,
    json: Json = False,
) -> None:
    """Makes a consortium if there is none, starts what does not run, waits until it is healthy, imports data.

    Example: `steelyard local up --dir d --parties 4 --threshold 2 --data examples/balances`
    """
    from clients.local import imports, runner

    consortium = _consortium(dir)
    names, shares = _wanted(consortium, parties, threshold)
    wanted = imports.plan_imports(data, names, note) if data else []
    with consortium.locked(make=True):
        made = runner.create(consortium, names, shares, minimum_group, port_base)
        with progress(f"starting {len(names)} nodes and the coordinator"):
            processes = runner.up(consortium, note)
        stored = _import(consortium, wanted, made)
    emit(_up(processes, stored) if json else [_row(each) for each in processes], json=json)
    for each, dataset in stored:
        note(f"{each.party}: {dataset.rows} rows in {each.dataset}{' (as before)' if dataset.unchanged else ''}")
    note(f"Next: steelyard --profile {consortium.root} party list")


@app.command
def prepare(
    *,
    dir: Directory = None,
    parties: Parties,
    threshold: Threshold,
    coordinator_address: Annotated[str, Parameter(help="host:port of the coordinator.")],
    node_address: Annotated[str, Parameter(help="host:port of a node; {party} stands for its name.")],
    minimum_group: MinimumGroup = None,
    json: Json = False,
) -> None:
    """Makes keys, certificates, manifest, configuration and policies, and starts nothing.

    Example: `steelyard local prepare --dir d --parties 4 --threshold 2 --coordinator-address coordinator:7400
    --node-address '{party}:7443'`
    """
    from clients.local import prepare as making

    consortium = _consortium(dir)
    names = making.party_names(parties)
    nodes = {party: node_address.replace("{party}", party) for party in names}
    making.prepare(consortium, making.Plan(names, threshold, coordinator_address, nodes, minimum_group))
    programs = consortium.programs()
    commands = [{"name": each.name, "command": f"python {' '.join(each.arguments)}"} for each in programs]
    emit({"programs": commands} if json else commands, json=json)


@app.command
def status(*, dir: Directory = None, json: Json = False) -> None:
    """Shows every process: whether it runs, whether it is healthy, where it listens.

    Example: `steelyard local status --dir d --json`
    """
    from clients.local import runner

    found = runner.status(_consortium(dir))
    emit({"processes": found} if json else [_row(each) for each in found], json=json)


@app.command
def kill(name: Name, *, dir: Directory = None, json: Json = False) -> None:
    """Kills one process on the spot (SIGKILL), as when a machine loses power.

    Example: `steelyard local kill bank-b --dir d`
    """
    from clients.local import runner

    consortium = _consortium(dir)
    with consortium.locked():
        found = runner.kill(consortium, name)
    emit(found if json else _row(found), json=json)


@app.command
def start(name: Name, *, dir: Directory = None, json: Json = False) -> None:
    """Starts one process again and waits until it is healthy.

    Example: `steelyard local start bank-b --dir d`
    """
    from clients.local import runner

    consortium = _consortium(dir)
    with consortium.locked(), progress(f"starting {name}"):
        found = runner.start(consortium, name, note)
    emit(found if json else _row(found), json=json)


@app.command
def down(
    *,
    dir: Directory = None,
    purge: Annotated[bool, Parameter(negative="", help="Remove keys, data and everything else, too.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask before --purge.")] = False,
    json: Json = False,
) -> None:
    """Ends all processes; data and keys stay unless --purge.

    Example: `steelyard local down --dir d`
    """
    from clients.local import runner

    consortium = _consortium(dir)
    if purge and not yes and not confirm(f"Remove everything that was made in {consortium.root}?"):
        raise Cancelled("nothing was removed")
    with consortium.locked():
        ended = runner.down(consortium, remove=purge)
    emit({"ended": ended, "purged": purge}, json=json)


def _consortium(directory: Path | None) -> LocalConsortium:
    from clients.cli.invocation import profile_directory
    from clients.local.layout import LocalConsortium

    return LocalConsortium.at(directory or profile_directory())


def _wanted(consortium: LocalConsortium, parties: str, threshold: int | None) -> tuple[tuple[str, ...], int]:
    """What is asked for; what is not said is as it is already, or three parties of whom two suffice."""
    from clients.local.prepare import party_names

    there = consortium.local() if consortium.exists else None
    names = there.parties if there and not parties else party_names(parties or "3")
    return names, threshold or (there.threshold if there else 2)


def _import(consortium: LocalConsortium, wanted: list[Import], made: bool) -> list[tuple[Import, OwnedDataset]]:
    """Imports everything; when that fails, a consortium made just now is taken down again."""
    from clients.local import imports, runner
    from clients.sdk.profile import Profile

    profile = Profile.open(consortium.root)
    try:
        with progress(f"importing {len(wanted)} files"):
            stored = imports.import_all(profile, wanted)
            imports.await_shown(profile, wanted)
        return stored
    except BaseException:
        if made:
            runner.down(consortium, remove=True)
        raise


def _up(processes: list[Status], stored: list[tuple[Import, OwnedDataset]]) -> dict[str, Any]:
    imported = [
        {"party": each.party, "dataset": each.dataset, "rows": kept.rows, "version": kept.version}
        | {"unchanged": kept.unchanged}
        for each, kept in stored
    ]
    return {"processes": processes, "imported": imported}


def _row(status: Status) -> dict[str, Any]:
    return {
        "name": status.name,
        "role": status.role,
        "process": status.pid or "-",
        "running": status.running,
        "healthy": status.healthy,
        "address": status.address,
    }
