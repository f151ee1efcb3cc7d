"""`steelyard score` and `steelyard benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from clients.cli.ask import Missing, Purpose, Where, ask_and_show, asked_for
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.ratio import named
from steelyard.errors import Invalid


def score_statements(
    *,
    model: Annotated[Path, Parameter(help='JSON: a weight for each feature, such as {"ebit": 6.72}.')],
    subjects: Annotated[str, Parameter(help="Firms with commas between, or `all`.")] = "all",
    year: Annotated[int, Parameter(help="Of the statements; by default each firm's latest.")] = 0,
    dataset: Annotated[str, Parameter(help="The dataset of statements, at every owner.")] = "statements",
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Scores firms by your own model: nobody sees its weights, and you see the scores alone.

    Features: working_capital, retained_earnings, ebit, net_income, revenue (over total assets), equity_to_liabilities,
    and constant. Owners let the same statements be scored only so often.

    Example: `steelyard score --model weights.json --subjects all --json`
    """
    from clients.cli.ask import show_result
    from clients.cli.invocation import open_client

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked["options"] = {"year": year}
    with open_client() as client:
        result = client.score(_weights(model), subjects=named("", subjects), dataset=dataset, **asked)
    show_result(result, json=json)


def benchmark_firm(
    *,
    subject: Annotated[str, Parameter(help="The firm, by its name in the column `firm`.")],
    ratio: Annotated[str, Parameter(help="Such as roa.")],
    year: Annotated[int, Parameter(help="Of the statements; by default each firm's latest.")] = 0,
    percentile: Annotated[bool, Parameter(help="The part of the peers below, not the distance.")] = False,
    dataset: Annotated[str, Parameter(help="The dataset of statements, at every owner.")] = "statements",
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """How far a firm's ratio is from the mean of its peers, of whom there are at least five; the mean stays hidden.

    It is the firm's own figure: its node's policy says who may ask for it.

    Example: `steelyard benchmark --subject firm-a --ratio roa --json`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked = with_options(asked, subject=subject, ratio=ratio, year=year, percentile=percentile)
    ask_and_show("benchmark", f"{dataset}.firm", asked, json)


def _weights(path: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.MsgspecError):
        raise Invalid(f"{path.name}: not a JSON object with a number for each feature") from None
