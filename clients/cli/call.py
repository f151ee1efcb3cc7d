"""Calls of `steelyard ratio` and `steelyard score`: requests that firms without a node answer first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from cyclopts import Parameter

from clients.cli.output import emit, note
from clients.cli.times import time_of
from steelyard.errors import Invalid

if TYPE_CHECKING:
    from clients.sdk.questions import Asked

_DAY: Final = 24 * 3600
Called: TypeAlias = Annotated[
    str,
    Parameter(help="With --call: which of the firms have no node and are to answer, by default all that are named."),
]
CallFile: TypeAlias = Annotated[
    Path | None,
    Parameter(
        help="Sign the request and write it here for firms without a node; compute nothing yet. Each reads all of it: "
        "one call for each firm keeps who else is asked from them."
    ),
]
Days: TypeAlias = Annotated[
    int | None, Parameter(help="With --call: how long they may answer [default: the longest, seven].")
]


def publish(
    function: str,
    column: str,
    asked: Asked,
    called: Sequence[str],
    out: Path | None,
    days: int | None,
    weights: Mapping[str, float] | None = None,
    *,
    json: bool,
) -> None:
    """Writes the signed request to a file, for the firms that it calls; they are among the subjects."""
    from clients.cli.invocation import open_client
    from clients.sdk.calls import save
    from clients.sdk.questions import with_options
    from steelyard.documents.request import MAX_LIFE_MS, Request
    from steelyard.documents.signed import read

    if out is None:
        raise Invalid("firms without a node answer before anything is computed: say with --call where the call goes")
    firms = list(called) or list(asked.get("options", {}).get("subjects", ()))
    if not firms:
        raise Invalid("a call names its firms: give --subject or --subjects")
    with open_client() as client:
        _require_firms(firms, client.desk.membership.parties)
        more = client.desk.sealed_weights(weights) if weights else {}
        asked = with_options(asked, called=firms, **more)
        asked["valid_for"] = MAX_LIFE_MS / 1000 if days is None else days * _DAY
        signed = client.call(function, column, **{key: each for key, each in asked.items() if key != "timeout"})  # type: ignore[arg-type]
    save(signed, out)
    request = read(Request, signed.payload)
    until = {"expires_ms": request.expires_ms} if json else {"until": time_of(request.expires_ms)}
    emit({"id": request.computation, "file": str(out), "called": firms, **until}, json=json)
    note(f"Send {out.name} to them: steelyard contributor answer {out.name} --party FIRM --statements FILE.")
    note(f"When they have answered: steelyard computation start {out.name}")


def _require_firms(firms: Sequence[str], parties: Sequence[str]) -> None:
    if there := sorted(set(firms) & set(parties)):
        raise Invalid(
            f"{', '.join(there)} has a node, which answers by itself: name with --called those that have none"
        )
