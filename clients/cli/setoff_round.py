"""`steelyard setoff open`, `say` and `run`: a round from its terms to its totals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from clients.cli.ask import Purpose, asked_for, describe_progress
from clients.cli.invocation import open_client, open_profile
from clients.cli.options import Json
from clients.cli.output import emit, note, progress
from steelyard.errors import DifferencingRefused, Invalid, NotFound

if TYPE_CHECKING:
    from clients.sdk.client import Client
    from clients.sdk.questions import Asked
    from clients.sdk.results import Result
    from steelyard.setoff.obligations import Obligation
    from steelyard.setoff.statement import Offers
    from steelyard.setoff.terms import Terms

DEFAULT_WAIT = 1800.0
MOST_NOTES = 20  # of invoices

Mode: TypeAlias = Annotated[
    Literal["sealed", "skeleton"],
    Parameter(help="What the nodes see: nothing, or who owes whom under made-up names (for thousands of firms)."),
]
Currency: TypeAlias = Annotated[str, Parameter(help="Which currency is cleared, where the file holds several.")]
Decimals: TypeAlias = Annotated[
    int, Parameter(help="How many decimals amounts in the file have, such as 2 in 12.50; 0 where they are whole cents.")
]
Minimum: TypeAlias = Annotated[str, Parameter(help="Invoices of less than this amount stay out.")]
Aged: TypeAlias = Annotated[
    str, Parameter(help="A date such as 2026-11-30: debts overdue on it count more, up to double after a year.")
]
Excluded: TypeAlias = Annotated[
    list[str], Parameter(help="Firms that do not clear among themselves: A,B,C. May be given again.")
]
Money: TypeAlias = Annotated[
    Path | None, Parameter(help="CSV kind,firm,other,amount: tender, acceptance, credit (of a lender), cap.")
]
Steps: TypeAlias = Annotated[int, Parameter(help="More come nearer to the most that is possible, and take longer.")]
Smaller: TypeAlias = Annotated[
    bool, Parameter(negative="", help="Where two sides differ, take the smaller amount; else nothing.")
]
Least: TypeAlias = Annotated[int, Parameter(help="Show totals only of at least so many firms.")]
Silent: TypeAlias = Annotated[
    bool,
    Parameter(
        negative="",
        help="Notices alone, no totals: so a run may follow another though a few firms have corrected something.",
    ),
]
Dry: TypeAlias = Annotated[bool, Parameter(negative="", help="Tell each firm only what it would save.")]


def open_round(
    name: Annotated[str, Parameter(help="What the round is called.")],
    *,
    firms: Annotated[Path, Parameter(help="A text file: the firms that may take part, one on a line.")],
    mode: Mode = "sealed",
    currency: Currency = "",
    decimals: Decimals = 0,
    minimum: Minimum = "",
    by_age: Aged = "",
    exclude: Excluded | None = None,
    cash: Annotated[bool, Parameter(negative="", help="Firms may tender and accept cash.")] = False,
    credit: Annotated[bool, Parameter(negative="", help="Firms may lend each other.")] = False,
    caps: Annotated[bool, Parameter(negative="", help="Firms may cap what they pay.")] = False,
    json: Json = False,
) -> None:
    """Opens a round: writes its terms, which every firm must have before it says what it owes.

    Example: `steelyard setoff open october --firms firms.txt --currency EUR`
    """
    from clients.sdk.rounds import Rounds

    names = sorted({line.strip() for line in text_of(firms).splitlines() if line.strip()})
    agreed = (name, names, mode, currency, decimals, minimum, by_age, exclude or [])
    terms = _terms(*agreed, kinds={"cash": cash, "credit": credit, "caps": caps})
    path = Rounds(open_profile()).open(terms)
    emit({"round": name, "firms": terms.size, "file": str(path)}, json=json)
    note(f"Give {path.name} to the firms; each says what it owes: steelyard setoff say.")


def say(
    obligations: Annotated[Path, Parameter(help="The firm's own invoices, payable and receivable, as CSV.")],
    *,
    firm: Annotated[str, Parameter(help="The firm, as its invoices name it.")],
    terms: Annotated[Path | None, Parameter(help="The round's terms, if they are not in this profile.")] = None,
    round: Annotated[str, Parameter(help="A round opened in this profile; by default the newest.")] = "",
    money: Money = None,
    again: Annotated[
        bool, Parameter(negative="", help="Enter also invoices that another round may be clearing: you answer for it.")
    ] = False,
    out: Annotated[Path | None, Parameter(help="Write the sealed bundle here, for the sponsor to submit.")] = None,
    json: Json = False,
) -> None:
    """As one firm: seals what it owes and is owed for the nodes, and hands it in, or writes it for its sponsor.

    Of an invoice that a final round has cleared in part, what remains is entered. One that another round may still
    clear is refused.

    Example: `steelyard setoff say invoices.csv --firm F017 --terms october.json --out f017.sealed`
    """
    from clients.sdk.firm import Firm, save
    from clients.sdk.rounds import Rounds, read_terms, remaining
    from clients.sdk.rounds import say as said
    from steelyard.setoff.statement import Offers, Statement
    from steelyard.setoff.terms import member

    profile = open_profile()
    rounds = Rounds(profile)
    agreed = read_terms(terms) if terms else rounds.terms(round)
    invoices = tuple(_obligations(obligations, agreed.currency, agreed.decimals))
    stated = Statement(agreed, firm, invoices, _offers(money, agreed.decimals).get(firm, Offers()))
    statement = rounds.still_open(stated)
    if out is None:
        with open_client() as client:
            said(client, statement, DEFAULT_WAIT, again=again)
    else:
        save(rounds.seal(statement, Firm.of(profile, member(firm), make=False), again=again), out)
    _tell_cleared(remaining(stated, statement))
    emit({"round": agreed.round, "firm": firm, "invoices": len(statement.book.obligations)}, json=json)


def _tell_cleared(left: Mapping[str, int]) -> None:
    """Of invoices that final rounds have cleared in part or whole."""
    for invoice, amount in list(left.items())[:MOST_NOTES]:
        still = f"{amount} minor units remain open after final rounds, and are entered"
        whole = "nothing remains open after final rounds: it stays out"
        note(f"Invoice {invoice}: {still if amount else whole}.")
    if len(left) > MOST_NOTES:
        note(f"And so are {len(left) - MOST_NOTES} more invoices: entered with what remains, or left out.")
    if left:
        note("What an invoice was raised by since is entered under another id.")


def run(
    *,
    obligations: Annotated[Path | None, Parameter(help="Invoices of all firms, which this profile then plays.")] = None,
    round: Annotated[str, Parameter(help="The round's name; without obligations, which: by default the newest.")] = "",
    mode: Mode = "sealed",
    steps: Steps = 400,
    step_bits: Annotated[int, Parameter(help="The last step is 2 to this power; else it is found and opened.")] = 0,
    currency: Currency = "",
    decimals: Decimals = 0,
    minimum: Minimum = "",
    by_age: Aged = "",
    exclude: Excluded | None = None,
    money: Money = None,
    smaller: Smaller = False,
    least_firms: Least = 0,
    dry_run: Dry = False,
    notices_only: Silent = False,
    purpose: Purpose = "",
    timeout: Annotated[float, Parameter(help=f"Seconds to wait for the end [default: {DEFAULT_WAIT:g}].")] = 1800.0,
    json: Json = False,
) -> None:
    """Clears a round: circles of debts between firms are cancelled, and nobody sees who owes whom.

    With obligations this profile plays all firms, both sides of every invoice; without, it clears what firms have said.

    Example: `steelyard setoff run --obligations obligations.csv --mode sealed --steps 400 --json`

    What firms elsewhere have said: `steelyard setoff run --round october`
    """
    options: dict[str, Any] = {"steps": steps, "smaller": smaller, "least_firms": least_firms, "dry_run": dry_run}
    options |= {"notices_only": True} if notices_only else {}
    options |= {"step_bits": step_bits} if step_bits else {}
    asked = asked_for("", "", "", "", False, purpose, timeout)
    with open_client() as client, progress("preparing") as report:
        if obligations:
            agreed = (mode, currency, decimals, minimum, by_age, exclude or [])
            terms = _played(client, obligations, round or _fresh(), agreed, money, report, timeout)
        else:
            from clients.sdk.rounds import Rounds

            terms = Rounds(client.desk.profile).terms(round)
        result = _cleared(client, terms, asked, options, report)
    emit(_shown(result), json=json)
    _advise(result)


def _played(
    client: Client,
    path: Path,
    name: str,
    agreed: tuple[Any, str, int, str, str, list[str]],
    money: Path | None,
    report: Any,
    timeout: float,
) -> Terms:
    """All firms of a file take part, with what it says of them."""
    from clients.sdk.rounds import Rounds, play
    from steelyard.setoff.statement import statements

    mode, currency, decimals, *_ = agreed
    found = _obligations(path, currency, decimals)
    offers = _offers(money, decimals)
    names = sorted({name for each in found for name in (each.debtor, each.creditor)} | set(offers))
    if len(names) < 2:
        raise Invalid(f"{path.name} holds no obligations: there is nothing to clear")
    currency = currency or next((each.currency for each in found), "")
    kinds = {
        "cash": any(each.tender or each.acceptance for each in offers.values()),
        "credit": any(each.lends for each in offers.values()),
        "caps": any(each.capped for each in offers.values()),
    }
    terms = _terms(name, names, mode, currency, *agreed[2:], kinds)
    Rounds(client.desk.profile).open(terms)
    said = statements(terms, found, offers)
    _tell_cleared(play(client, said, lambda at, of: report(f"firm {at} of {of} seals"), timeout))
    return terms


def _cleared(client: Client, terms: Terms, asked: Asked, options: dict[str, Any], report: Any) -> Result:
    from clients.sdk.questions import with_options

    asked["on_progress"] = lambda computation: report(describe_progress(computation))
    try:
        return client.set_off(terms, **with_options(asked, **options))
    except DifferencingRefused as error:
        advice = "run it with --notices-only, or let all firms say again what they owe"
        raise DifferencingRefused(f"{error.message}: {advice}", party=error.party) from None


def _terms(
    name: str,
    names: list[str],
    mode: Any,
    currency: str,
    decimals: int,
    minimum: str,
    by_age: str,
    exclude: list[str],
    kinds: Mapping[str, bool],
) -> Terms:
    from steelyard import fixedpoint
    from steelyard.setoff.terms import Terms, member, members

    try:
        today = date.fromisoformat(by_age) if by_age else None
    except ValueError:
        raise Invalid("--by-age takes a date such as 2026-11-30") from None
    terms = Terms(
        round=name,
        firms=tuple(sorted(members(names).values())),
        mode=mode,
        currency=currency,
        decimals=decimals,
        minimum=fixedpoint.parse(minimum, decimals) if minimum else 1,
        today=today,
        excluded=tuple(tuple(member(each.strip()) for each in group.split(",")) for group in exclude),
        **kinds,
    )
    terms.check()
    return terms


def _obligations(path: Path, currency: str, decimals: int) -> list[Obligation]:
    from steelyard.setoff.obligations import of_one_currency, read

    return of_one_currency(read(text_of(path), decimals), currency or None)


def _offers(path: Path | None, decimals: int) -> dict[str, Offers]:
    from steelyard.setoff.money import read_offers

    return read_offers(text_of(path), decimals) if path else {}


def text_of(path: Path) -> str:
    """Raises NotFound, Invalid."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{path} is no text file that can be read") from None


def _fresh() -> str:
    from steelyard.randomness import token

    return f"round_{token(6).hex()}"


def _shown(result: Result) -> dict[str, Any]:
    return {"id": result.computation, **result.value, "verified": result.verified}


def _advise(result: Result) -> None:
    command = "preview" if result.value["dry_run"] else "notice"
    note(f"Each firm's own part: steelyard setoff {command} --run {result.computation} --firm FIRM")
