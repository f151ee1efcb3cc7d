"""`steelyard vault`: how an owner's node keeps what it stores."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from clients.cli.invocation import open_owner
from clients.cli.options import Json, Party
from clients.cli.output import emit, note, progress
from steelyard.errors import Failed

app = App(
    name="vault",
    help="""What your node keeps sealed on its disk, and the keys it is sealed under.

Is all well?   `steelyard vault status --party bank-a --verify`

A new key:     `steelyard vault rotate --party bank-a`
""",
)


@app.command
def status(
    *,
    verify: Annotated[bool, Parameter(negative="", help="Read every file to its last bit.")] = False,
    party: Party = "",
    json: Json = False,
) -> None:
    """Shows what is sealed under which keys, and what is wrong with it; fails (5) when anything is.

    Example: `steelyard vault status --party bank-a --verify`
    """
    with open_owner(party) as owner, progress("reading the vault"):
        found = owner.vault(verify)
    if json:
        emit({"party": owner.party, **found.to_json()}, json=True)
    else:
        shown = {
            "party": owner.party,
            "key in use": found.current,
            "data keys": [
                f"{each.keys} under {each.version}{'' if each.held else ' (which is missing)'}"
                for each in found.versions
            ],
            "sealed": [f"{count} {kind}" for kind, count in found.units.items()],
            "files": f"{found.files} with {found.bytes} bytes",
            "generation": found.generation,
        }
        emit(shown, json=False)
        if len(found.versions) > 1:
            note("A rotation was interrupted: `steelyard vault rotate` goes on with it.")
        for fault in found.faults:
            note(f"{fault.unit}: {fault.problem}")
    if found.faults:
        told = f"{len(found.faults)} things in the vault of {owner.party} are not as they should be, see above"
        raise Failed(f"{told}; docs/operations.md, chapter 2, says what to do", party=owner.party)


@app.command
def rotate(*, party: Party = "", json: Json = False) -> None:
    """Wraps every data key under a new key and retires the old one; nothing is encrypted again.

    A node that holds its key itself erases the old one: copies of the store from before cannot be opened afterwards.
    Killed half-way, it goes on at the next call.

    Example: `steelyard vault rotate --party bank-a`
    """
    with open_owner(party) as owner, progress("wrapping keys"):
        done = owner.rotate_vault()
    emit({"party": owner.party, **done.to_json()}, json=json)
    note("Back up the new key, apart from the store. Retired ones are erased; in a key service disable them there.")
