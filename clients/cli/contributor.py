"""`steelyard contributor`: firms without a node, and who vouches for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.answer import answer_call
from clients.cli.invocation import open_profile
from clients.cli.options import Json
from clients.cli.output import emit, note
from clients.cli.times import time_of

if TYPE_CHECKING:
    from steelyard.documents.contributor import Contributor

app = App(
    name="contributor",
    help="""Register firms that contribute without a node.

As the firm:     `steelyard contributor register firm-x --sponsor analyst --out firm-x.registration`

As its sponsor:  `steelyard contributor sign firm-x.registration`

As the firm:     `steelyard contributor adopt firm-x.registration --party firm-x`

Where firm and sponsor share a profile, `steelyard contribute` does all of it.

A lender's call:  `steelyard contributor answer firm-x.call --party firm-x --statements statements.csv`
""",
)

app.command(answer_call, name="answer")


@app.command
def register(
    party: Annotated[str, Parameter(help="The firm's name.")],
    *,
    sponsor: Annotated[str, Parameter(help="The requester of the manifest who is to vouch for the firm.")],
    out: Annotated[Path, Parameter(help="Where the registration goes, for the sponsor to sign.")],
    days: Annotated[int, Parameter(help="How long it is to be valid [default: 365].")] = 365,
    json: Json = False,
) -> None:
    """Makes the firm's keys, if it has none, and a registration of them that its sponsor signs.

    Example: `steelyard contributor register firm-x --sponsor analyst --out firm-x.registration`
    """
    from clients.sdk.firm import Firm
    from steelyard.identity import files

    draft = Firm.of(open_profile(), party).draft(sponsor, days)
    files.replace(out, draft.encode())
    emit(_facts(draft, json=json), json=json)
    note(f"Send {out.name} to {sponsor}, and tell them the signing key over another way, by telephone say.")


@app.command
def sign(
    file: Annotated[Path, Parameter(help="What the firm sent; the signature is put into this file.")],
    *,
    json: Json = False,
) -> None:
    """Vouches for a firm: as its sponsor you answer for whose keys these are.  Compare the signing key first.

    Example: `steelyard contributor sign firm-x.registration`
    """
    from clients.sdk.desk import Desk
    from steelyard.documents.contributor import Contributor
    from steelyard.documents.signed import read, to_wire
    from steelyard.identity import files

    draft = read(Contributor, files.read(file, _MAX_FILE))
    signed = Desk(open_profile()).vouch(draft)
    files.replace(file, to_wire(signed))
    emit(_facts(draft, json=json), json=json)


@app.command
def adopt(
    file: Annotated[Path, Parameter(help="What the sponsor sent back.")],
    *,
    party: Annotated[str, Parameter(help="The firm's name.")],
    json: Json = False,
) -> None:
    """Keeps the registration that the sponsor signed; from now on the firm can contribute.

    Example: `steelyard contributor adopt firm-x.registration --party firm-x`
    """
    from clients.sdk.firm import Firm
    from steelyard.documents.signed import from_wire
    from steelyard.identity import files

    firm = Firm.of(open_profile(), party, make=False)
    emit(_facts(firm.adopt(from_wire(files.read(file, _MAX_FILE))), json=json), json=json)


_MAX_FILE = 1 << 16


def _facts(contributor: Contributor, *, json: bool) -> dict[str, Any]:
    until = contributor.expires_ms
    return {
        "contributor": contributor.id,
        "sponsor": contributor.sponsor,
        "signing": contributor.signing,
        "expires_ms" if json else "until": until if json else time_of(until),
    }
