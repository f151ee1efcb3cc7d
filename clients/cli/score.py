"""`steelyard score` and `steelyard benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clients.cli.ask import Purpose, Where, ask_and_show, asked_for
from clients.cli.call import Called, CallFile, Days, publish
from clients.cli.options import DEFAULT_TIMEOUT, Json, Timeout
from clients.cli.ratio import Absent, Dataset, Subjects, Year, listed, named
from steelyard import records
from steelyard.errors import Invalid


def score_statements(
    *,
    model: Annotated[
        Path, Parameter(help='A JSON file: a weight from -50 to 50 for each feature, such as {"ebit": 6.72}.')
    ],
    subjects: Subjects = "all",
    year: Year = 0,
    dataset: Dataset = "statements",
    where: Where = "",
    allow_missing: Absent = False,
    purpose: Purpose = "",
    called: Called = "",
    call: CallFile = None,
    days: Days = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Scores firms by your own model: its weights stay yours, the statements their owners'; you learn the scores.

    Features: working_capital, retained_earnings, ebit, net_income, revenue, each over total assets;
    equity_to_liabilities; and constant, which is 1. A score is the sum of weights times features, within 1e-3. Owners
    see which features you use, and let the same statements be scored only so often (searches_per_version of their
    policies).

    Example: `steelyard score --model weights.json --subjects all --json`
    """
    from clients.cli.ask import show_result
    from clients.cli.invocation import open_client
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked["options"], weights = {"year": year}, _weights(model)
    if call or called:
        asked = with_options(asked, subjects=named("", subjects))
        publish("score", f"{dataset}.firm", asked, listed(called) if called else [], call, days, weights, json=json)
        return
    with open_client() as client:
        result = client.score(weights, subjects=named("", subjects), dataset=dataset, **asked)
    show_result(result, json=json)


def benchmark_firm(
    *,
    subject: Annotated[str, Parameter(help="The firm, by its name in the owners' column `firm`.")],
    ratio: Annotated[str, Parameter(help="Such as roa; the names are those of `steelyard ratio`, but dupont.")],
    year: Year = 0,
    percentile: Annotated[
        bool, Parameter(negative="", help="Show what percentage of the peers is below the firm, not the distance.")
    ] = False,
    dataset: Dataset = "statements",
    where: Where = "",
    allow_missing: Absent = False,
    purpose: Purpose = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """How far a firm's ratio is above (or, negative, below) the mean of its peers; neither of the two is shown.

    The peers are all other firms of that year, at least five, in the books of several parties. Owners' nodes refuse a
    second choice of firms (another `--where`) around the same data: the difference would be one firm's figure.

    Example: `steelyard benchmark --subject firm-a --ratio roa --json`
    """
    from clients.sdk.questions import with_options

    asked = asked_for(where, "", "", "", allow_missing, purpose, timeout)
    asked = with_options(asked, subject=subject, ratio=ratio, year=year, percentile=percentile)
    ask_and_show("benchmark", f"{dataset}.firm", asked, json)


def _weights(path: Path) -> dict[str, float]:
    try:
        return records.from_json(path.read_bytes(), dict[str, float])
    except (OSError, records.DecodeError):
        raise Invalid(
            f'{path.name}: cannot be read as a JSON object with a number for each feature, such as {{"ebit": 6.72}}'
        ) from None
