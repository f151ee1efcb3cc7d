"""`steelyard contributor answer`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from clients.cli.contribution import shown
from clients.cli.invocation import open_client, open_profile
from clients.cli.options import DEFAULT_TIMEOUT, Json
from clients.cli.output import confirm, emit, note
from clients.cli.times import time_of
from steelyard.errors import Cancelled, Invalid

if TYPE_CHECKING:
    from clients.sdk.calls import Call
    from steelyard.functions.answer import Answer


def answer_call(
    call: Annotated[Path, Parameter(help="What the requester sent: the file that `steelyard ratio --call` wrote.")],
    *,
    party: Annotated[str, Parameter(help="The firm, by the name that the call has for it.")],
    statements: Annotated[Path, Parameter(help="CSV, Parquet or Excel: firm, year, and the items of its statements.")],
    schema: Annotated[Path | None, Parameter(help="A TOML file with the columns; else they are inferred.")] = None,
    out: Annotated[Path | None, Parameter(help="Write the sealed answer here, for the sponsor to submit.")] = None,
    yes: Annotated[bool, Parameter(negative="", help="Sign without being asked; a script has to say so.")] = False,
    timeout: Annotated[float, Parameter(help="Seconds to wait until all nodes have it.")] = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Answers a call: shows who would be told what, and deals the figures asked for, nothing else, to the nodes.

    The firm's signature is its consent to this one request; for another question, or another requester, the answer is
    worth nothing. No item of the statement leaves this machine. A score's figures are shown as the features that it is
    made of: the score itself only the requester learns. What is handed in cannot be taken back; it ends with the call.

    Example: `steelyard contributor answer firm-x.call --party firm-x --statements statements.csv`
    """
    from clients.sdk import calls
    from clients.sdk.firm import Firm, save

    profile = open_profile()
    firm = Firm.of(profile, party, make=False) if out else None
    held = firm.membership if firm else profile.membership(profile.requester)
    known = calls.read(calls.load(call), held)
    found = known.answer(party, statements, schema)
    facts = _facts(party, known, found, json=json)
    if not json:
        _tell(facts, known)
    if not yes:
        _require_word(json=json)
    if out and firm:
        bundle = known.seal(firm, found)
        save(bundle, out)
        emit({**(facts if json else {}), "file": str(out), "bytes": bundle.size}, json=json)
        note(f"Give it to your sponsor: steelyard contribution submit {out.name}")
        return
    with open_client() as client:
        brought = client.bring(party, lambda mine: known.seal(mine, found), timeout)
    emit({**facts, "contribution": brought.to_json()} if json else shown(brought), json=json)


def _facts(party: str, call: Call, found: Answer, *, json: bool) -> dict[str, Any]:
    request = call.request
    until = {"expires_ms": request.expires_ms} if json else {"until": time_of(request.expires_ms)}
    told = dict(found.told)
    return {
        "firm": party,
        "request": request.computation,
        "asked by": request.requester,
        "purpose": request.purpose,
        **until,
        "told": told if json else ", ".join(_figures(told)),
    }


def _figures(told: dict[str, Any]) -> list[str]:
    """Each ratio and its value, those of which one consists among them; of a score the features that it is made of."""
    from clients.cli.ask import figure

    named = told.get("ratios") or told.get("features") or {"score": told}
    return [f"{name} {figure(each)}" for name, each in named.items()]


def _require_word(*, json: bool) -> None:
    if json or not sys.stdin.isatty():
        raise Invalid("nothing was signed, for there is nobody to ask: read what it would tell, then add --yes")
    if not confirm("Sign this, and let the requester know these figures?"):
        raise Cancelled("nothing was signed")


def _tell(facts: dict[str, Any], call: Call) -> None:
    emit(facts, json=False)
    note("This would reveal:")
    for leak in call.leakage():
        note(f"  {leak.what} -> {leak.to}")
