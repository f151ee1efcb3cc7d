"""`steelyard netting`: banks' queued payments settled against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from clients.cli.ask import describe_progress, show_result
from clients.cli.invocation import open_client
from clients.cli.options import Id, Json
from clients.cli.output import emit, note, progress
from steelyard.errors import Invalid, NotFound

if TYPE_CHECKING:
    from steelyard.setoff.queue import Queue

TIMEOUT = 600.0
app = App(
    name="netting",
    help="""Banks' queued payments settled against each other; amounts, payees and balances stay secret.

Release what can be released:  `steelyard netting run --payments payments.csv --balances balances.csv --json`

Would all of it settle?        `steelyard netting run --payments payments.csv --mode settles`

What is one bank told?         `steelyard netting notice --run ID --bank north --json`
""",
)

PaymentsFile: TypeAlias = Annotated[Path, Parameter(help="CSV: id,payer,payee,amount[,priority]; 0 is most urgent.")]
BalancesFile: TypeAlias = Annotated[
    Path | None, Parameter(help="CSV: bank,balance[,limit]; without it nobody has any money, and netting is all.")
]
Decimals: TypeAlias = Annotated[
    int,
    Parameter(help="How many decimals amounts in the files have, such as 2 in 12.50; 0 where they are whole cents."),
]
Banks: TypeAlias = Annotated[str, Parameter(help="All banks that take part, with commas between, in one agreed order.")]
Dataset: TypeAlias = Annotated[str, Parameter(help="The name that banks contribute their queues under.")]


@app.command
def run(
    *,
    payments: Annotated[
        Path | None, Parameter(help="CSV: id,payer,payee,amount[,priority], of all banks, which are then played.")
    ] = None,
    balances: BalancesFile = None,
    banks: Banks = "",
    mode: Annotated[
        Literal["gridlock", "positions", "settles"],
        Parameter(help="gridlock (what can settle), positions (as if all settled), or settles (yes or no)."),
    ] = "gridlock",
    decimals: Decimals = 0,
    passes: Annotated[
        int, Parameter(help="Give up after so many passes; of each the nodes learn whether it held a payment back.")
    ] = 1000,
    dataset: Dataset = "payments",
    purpose: Annotated[str, Parameter(help="A sentence for the owners who approve.")] = "",
    timeout: Annotated[float, Parameter(help=f"Seconds to wait for the end [default: {TIMEOUT:g}].")] = TIMEOUT,
    json: Json = False,
) -> None:
    """Finds the largest set of payments that settles while every bank keeps its order and stays within its limit.

    With --payments it plays all banks, their keys in this profile; with --banks it nets what they have contributed.

    Example: `steelyard netting run --payments payments.csv --balances balances.csv --decimals 2 --json`
    """
    from clients.sdk.netting import ask, contribute

    if (payments is None) == (not banks):
        raise Invalid("say --payments FILE to play all banks, or --banks A,B,C to net what they have contributed")
    queues = _queues(payments, balances, decimals) if payments else []
    names = [each.bank for each in queues] or _names(banks)
    with open_client() as client, progress("sealing the banks' queues") as report:
        if queues:
            contribute(client, queues, names, decimals=decimals, dataset=dataset)
        result = ask(
            client,
            names,
            mode=mode,
            decimals=decimals,
            passes=passes,
            dataset=dataset,
            purpose=purpose,
            timeout=timeout,
            on_progress=lambda computation: report(describe_progress(computation)),
        )
    show_result(result, json=json)
    if mode != "settles":
        note(f"What a bank is told: steelyard netting notice --run {result.computation} --bank {names[0]}")


@app.command
def contribute(
    *,
    payments: PaymentsFile,
    balances: BalancesFile = None,
    bank: Annotated[str, Parameter(help="Whose queue it is: lines of other payers are left out.")],
    banks: Banks,
    decimals: Decimals = 0,
    dataset: Dataset = "payments",
    json: Json = False,
) -> None:
    """Seals one bank's queue for the nodes; a newer one replaces it.

    A bank that pays nothing contributes, too: with a balance, or only its name.

    Example: `steelyard netting contribute --payments north.csv --bank north --banks north,south,west`
    """
    from clients.sdk.netting import contribute as hand_in
    from steelyard.setoff.queue import Queue

    found = {each.bank: each for each in _queues(payments, balances, decimals, alone=True)}
    with open_client() as client:
        (made,) = hand_in(client, [found.get(bank, Queue(bank, ()))], _names(banks), decimals=decimals, dataset=dataset)
    emit({"id": made, "bank": bank, "dataset": dataset}, json=json)


@app.command
def notice(
    *,
    run: Annotated[Id, Parameter(help="The computation's id, as `steelyard netting run` printed it.")],
    bank: Annotated[str, Parameter(help="A bank whose keys lie in this profile.")],
    json: Json = False,
) -> None:
    """What one bank was told: its net position, its balance afterwards, and which of its payments are released.

    The bank checks that its order is kept and that its limit is not passed.

    Example: `steelyard netting notice --run 0f3c4d5e6f708192a3b4c5d6e7f80910 --bank north --json`
    """
    from clients.sdk.netting import notice_of

    with open_client() as client:
        found = notice_of(client, run, bank).to_json()
    if json:
        emit(found, json=True)
        return
    payments = found.pop("payments", [])
    if payments:
        emit(payments, json=False)
    emit(found, json=False)


def _names(banks: str) -> list[str]:
    return [each.strip() for each in banks.split(",") if each.strip()]


def _queues(payments: Path, balances: Path | None, decimals: int, *, alone: bool = False) -> list[Queue]:
    from steelyard.setoff.payments import read

    return read(_text(payments), _text(balances) if balances else None, decimals, alone=alone)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{path} is no text file that can be read") from None
