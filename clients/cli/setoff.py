"""`steelyard setoff`: rounds of set-off, networks of trade credit to try them with, and the optimum in clear text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from clients.cli import setoff_notice, setoff_round
from clients.cli.options import Json
from clients.cli.output import emit
from steelyard.errors import Invalid

if TYPE_CHECKING:
    from steelyard.setoff.book import Book
    from steelyard.setoff.network import Network

app = App(
    name="setoff",
    help="""Circles of debts between firms are cancelled, and nobody sees an invoice of others.

A network to clear:   `steelyard setoff generate --preset club-100 --seed 7 --out obligations.csv`

Clear it:             `steelyard setoff run --obligations obligations.csv --mode sealed --json`

A firm's own notice:  `steelyard setoff notice --run ID --firm F017 --format json`

The best there is:    `steelyard setoff reference --obligations obligations.csv --json`
""",
)
for _name, _command in (
    ("open", setoff_round.open_round),
    ("say", setoff_round.say),
    ("run", setoff_round.run),
    ("preview", setoff_notice.preview),
    ("notice", setoff_notice.notice),
    ("export", setoff_notice.export),
    ("finalise", setoff_notice.finalise),
):
    app.command(_command, name=_name)

File: TypeAlias = Annotated[Path, Parameter(help="CSV: id,debtor,creditor,amount[,currency,issued,due,status].")]
_SHORT = (2, 3, 4)  # lengths of the circles that the baselines clear
_SEARCHED = 5_000  # pairs of firms, up to which short circles are looked for


@app.command
def generate(
    *,
    preset: Annotated[str, Parameter(help="club-10, club-30, club-100, core-500 or region-5000.")] = "club-100",
    seed: Annotated[int, Parameter(help="Another seed, another network; the same gives the same.")] = 7,
    out: Annotated[Path, Parameter(help="The file to write.")],
    json: Json = False,
) -> None:
    """Writes obligations of a made-up network of firms, amounts in minor units; the public MTCS tools read them, too.

    Example: `steelyard setoff generate --preset club-30 --seed 7 --out obligations.csv`
    """
    from steelyard.setoff.generator import firms
    from steelyard.setoff.generator import generate as generated
    from steelyard.setoff.obligations import write

    obligations = generated(preset, seed)
    try:
        out.write_text(write(obligations), "utf-8")
    except OSError as error:
        raise Invalid(f"the file cannot be written: {error.strerror}") from None
    emit({"file": str(out), "firms": len(firms(preset)), "obligations": len(obligations)}, json=json)


@app.command
def reference(
    *,
    obligations: File,
    currency: Annotated[str, Parameter(help="Which currency is cleared, where the file holds several.")] = "",
    decimals: Annotated[
        int,
        Parameter(help="How many decimals amounts in the file have, such as 2 in 12.50; 0 where they are whole cents."),
    ] = 0,
    json: Json = False,
) -> None:
    """The most that can be set off, found in clear text, and what clearing only short circles would do.

    Whoever runs it has all obligations before their eyes: it is for made-up data and for tests. Needs the extra
    `reference`. Amounts are in minor units.

    Example: `steelyard setoff reference --obligations obligations.csv --json`
    """
    emit(_referred(_book(obligations, currency, decimals)), json=json)


def _book(path: Path, currency: str, decimals: int) -> Book:
    from steelyard.setoff.book import Book
    from steelyard.setoff.obligations import of_one_currency, read

    return Book.of(of_one_currency(read(setoff_round.text_of(path), decimals), currency or None))


def _referred(book: Book) -> dict[str, Any]:
    from steelyard.setoff.reference import optimum

    network = book.network
    best = optimum(network)
    involved = {*network.topology.payers[best > 0].tolist()}
    return {
        "firms": len(book.firms),
        "obligations": len(book.obligations),
        "pairs": network.topology.arcs,
        "total": int(network.amounts.sum()),
        "net_internal_debt": network.internal_debt(),
        "cleared": int(best.sum()),
        "remaining": int((network.amounts - best).sum()),
        "firms_with_setoff": len(involved),
        **_baselines(network),
    }


def _baselines(network: Network) -> dict[str, int]:
    """What clearing circles up to a length does; nothing where there are too many to look at."""
    from steelyard.setoff.reference import short_cycles

    lengths = _SHORT if network.topology.arcs <= _SEARCHED else _SHORT[:1]
    return {f"circles_up_to_{length}": int(short_cycles(network, length).sum()) for length in lengths}
