"""`steelyard setoff notice`, `preview`, `export`, `finalise`: what firms are told of a round, and when it stands."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import Parameter

from clients.cli.invocation import open_client, open_profile
from clients.cli.options import Json
from clients.cli.output import emit, note
from steelyard.errors import Invalid, NotFound

if TYPE_CHECKING:
    from steelyard.functions.notices import Part
    from steelyard.setoff.notice import Notice

Run: TypeAlias = Annotated[str, Parameter(help="The computation that cleared the round: `setoff run` prints its id.")]
Firm: TypeAlias = Annotated[str, Parameter(help="The firm, as its invoices name it; its keys lie in this profile.")]
Sealed: TypeAlias = Annotated[Path | None, Parameter(help="What was exported for the firm, instead of --run.")]
Format: TypeAlias = Annotated[Literal["json", "csv", "pdf"], Parameter(help="How it is written.")]


def notice(
    *,
    run: Run = "",
    firm: Firm,
    sealed: Sealed = None,
    format: Format = "json",
    out: Annotated[Path | None, Parameter(help="The file to write; by default it is printed.")] = None,
    final: Annotated[
        bool, Parameter(negative="", help="The requester told you that it has declared this round final.")
    ] = False,
) -> None:
    """A firm's own set-off notice: what of each of its invoices is cancelled.  Opened with the firm's key, and checked.

    Once it is final, the firm's next round takes what remains of its invoices.

    Example: `steelyard setoff notice --run 5eed5eed5eed5eed5eed5eed5eed5eed --firm F017 --format json`
    """
    from clients.sdk.rounds import Rounds

    rounds = Rounds(open_profile())
    found = rounds.notice(firm, _parts(run, firm, sealed), run)
    if final and not found.final:
        rounds.remember_final(found.run)
        found = replace(found, final=True)
    _write(_written(found, format), out)
    if not found.verified:
        note(f"Only {', '.join(found.nodes)} told this: a wrong number of one of them would go unnoticed.")
    for other in found.differs:
        note(f"{other} says something else about what one of you owes the other: nothing is cleared there beyond that.")
    for (invoice, debtor, creditor), more in rounds.excess(firm).items():
        which = f"Invoice {invoice} of {creditor} to {debtor}"
        note(f"{which} was in several rounds, which cleared {more} minor units too much: settle it among you.")
    if not found.final:
        note("This notice is preliminary, until the requester declares the round final.")


def preview(*, run: Run = "", firm: Firm, sealed: Sealed = None, json: Json = False) -> None:
    """What a firm would save, after a dry run: how much of all its debts would be cancelled, in minor units.

    Example: `steelyard setoff preview --run 5eed5eed5eed5eed5eed5eed5eed5eed --firm F017`
    """
    from clients.sdk.rounds import Rounds

    told = Rounds(open_profile()).told(firm, _parts(run, firm, sealed), run)
    if told.tells != "saving":
        raise Invalid("this was no dry run: `steelyard setoff notice` says what is cleared")
    emit({"firm": firm, "round": told.round, "saving": int(told.values[0])}, json=json)


def export(
    *,
    run: Run,
    out: Annotated[Path, Parameter(help="A directory: one sealed file for each firm.")],
    json: Json = False,
) -> None:
    """Writes every firm's sealed notice to a file, to be sent to it; only the firm can open it.

    Example: `steelyard setoff export --run 5eed5eed5eed5eed5eed5eed5eed5eed --out notices`
    """
    from clients.sdk.rounds import parts_of_run, save_parts

    with open_client() as client:
        parts = parts_of_run(client.results(run))
    out.mkdir(parents=True, exist_ok=True)
    for firm, each in parts.items():
        save_parts(each, out / f"{firm}.notice")
    emit({"directory": str(out), "notices": len(parts)}, json=json)
    note("As the firm: steelyard setoff notice --sealed f017.notice --firm F017")


def finalise(
    run: Run,
    *,
    despite_corrections: Annotated[
        bool, Parameter(negative="", help="Also where firms have said something else since; that is forgotten.")
    ] = False,
    json: Json = False,
) -> None:
    """Declares a round final: from now on its notices stand.  Signed by you, and in every node's audit log.

    The nodes forget what the round was cleared from, so that no debt is cleared twice.

    Example: `steelyard setoff finalise 5eed5eed5eed5eed5eed5eed5eed5eed`
    """
    from clients.sdk.rounds import Rounds, declare_final, parts_of_run

    with open_client() as client:
        cleared = client.results(run)
        result = declare_final(client, cleared, despite=despite_corrections)
        rounds = Rounds(client.desk.profile)
    rounds.remember_final(run, result)
    emit({"id": result.computation, **result.value}, json=json)
    rounds.note_cleared(run, parts_of_run(cleared))


def _parts(run: str, firm: str, sealed: Path | None) -> dict[str, Part]:
    from clients.sdk.rounds import load_parts, parts_of_run
    from steelyard.setoff.terms import member

    if (sealed is None) == (not run):
        raise Invalid("give --run, or --sealed with what the requester exported")
    if sealed is not None:
        return load_parts(sealed)
    with open_client() as client:
        found = parts_of_run(client.results(run))
    if member(firm) not in found:
        raise NotFound(f"{firm[:60]} has not taken part in this round")
    return found[member(firm)]


def _written(found: Notice, format: str) -> bytes:
    from steelyard.setoff import notice as notices

    if format == "pdf":
        return notices.as_pdf(found, datetime.now(UTC).date())
    return (notices.as_json(found) if format == "json" else notices.as_csv(found)).encode()


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise Invalid(f"the file cannot be written: {error.strerror}") from None
