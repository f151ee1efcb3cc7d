"""`steelyard train`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from clients.cli.ask import Missing, Purpose, Where, asked_for, describe_progress, show_result
from clients.cli.invocation import open_client
from clients.cli.options import Json
from clients.cli.output import emit, note, progress
from clients.cli.rounds import RoundTable
from steelyard.errors import Invalid

DEFAULT_WAIT = 1800.0


def train_model(
    dataset: Annotated[str, Parameter(help="The dataset, the same at every party.")],
    *,
    target: Annotated[str, Parameter(help="The column to predict: 1 for what is looked for, such as a default.")],
    positive: Annotated[str, Parameter(help="If the target is a text: which one is looked for.")] = "",
    features: Annotated[str, Parameter(help="Columns to learn from, with commas between; by default all.")] = "",
    limits: Annotated[
        str,
        Parameter(help="Public limits, such as age=18:90,ratio=0:2; by default those declared. Epsilon needs them."),
    ] = "",
    model: Annotated[Literal["logistic", "mlp", "gbdt"], Parameter(help="What is trained.")] = "logistic",
    strategy: Annotated[
        Literal["usual", "newton", "fedavg", "fedprox", "fedadam", "gradient"],
        Parameter(help="How; `usual` is what suits the model."),
    ] = "usual",
    name: Annotated[
        str, Parameter(help="What the parties call the model [default: model]; yours of that name is replaced.")
    ] = "model",
    rounds: Annotated[int, Parameter(help="Rounds at most; gbdt has trees [default: 10].")] = 10,
    trees: Annotated[int, Parameter(help="How many, with --model gbdt [default: 50].")] = 50,
    depth: Annotated[int, Parameter(help="Levels of each tree [default: 4].")] = 4,
    ditto: Annotated[
        float, Parameter(help="Above 0: each party also keeps a model of its own, drawn so strongly to the common one.")
    ] = 0.0,
    sample: Annotated[
        float, Parameter(help="The part of the parties that train in a round; below 1 with epsilon only.")
    ] = 1.0,
    patience: Annotated[
        int, Parameter(help="Stop after so many looks at the test rows without progress; 0: never.")
    ] = 0,
    test: Annotated[
        float, Parameter(help="The part of the rows that is kept back to test with, 0.02 to 0.9 [default: 0.25].")
    ] = 0.25,
    seed: Annotated[
        int, Parameter(help="What is drawn, noise apart, follows from it: the same seed, the same split.")
    ] = 1,
    epsilon: Annotated[str, Parameter(help="Privacy budget to spend, such as 3; without it the sums are exact.")] = "",
    delta: Annotated[str, Parameter(help="The chance that epsilon's promise fails [default: 1e-5].")] = "1e-5",
    protects: Annotated[Literal["record", "party"], Parameter(help="What the noise hides one of.")] = "record",
    trainer: Annotated[
        str, Parameter(help="A program of the parties' own, such as scikit-learn, that every owner's policy lists.")
    ] = "",
    where: Where = "",
    allow_missing: Missing = False,
    purpose: Purpose = "",
    timeout: Annotated[float, Parameter(help=f"Seconds to wait for the end [default: {DEFAULT_WAIT:g}].")] = 1800.0,
    json: Json = False,
) -> None:
    """Trains a model on the rows of all parties, of which nobody sees any, nor what a party contributes to a step.

    The model stays with the parties; how good it is, and its hash, come out here.

    Example: `steelyard train credit --model logistic --target default --rounds 8 --json`

    With noise: `steelyard train credit --target default --model gbdt --epsilon 3 --limits leverage=0:2,years=0:100`
    """
    from clients.sdk import training
    from clients.sdk.questions import with_options

    only = [each.strip() for each in features.split(",")] if features else []
    asked = asked_for(where, "", "", epsilon, allow_missing, purpose, timeout)
    with open_client() as client, progress("asking the parties") if json else nullcontext(note) as report:
        learnt = training.features(client.parties(), dataset, target, only, _limits(limits))
        table = RoundTable()
        asked["on_progress"] = (lambda seen: report(describe_progress(seen))) if json else table.show
        options: dict[str, Any] = {
            "name": name,
            "model": model,
            "strategy": strategy.removeprefix("usual"),
            "protects": protects,
        }
        options |= {"rounds": rounds, "trees": trees, "depth": depth, "ditto": ditto, "sample": sample}
        options |= {"patience": patience, "test": test, "seed": seed, "delta": delta, "positive": positive}
        options |= {"trainer": trainer}
        result = client.ask("train", f"{dataset}.{target}", **with_options(asked, features=learnt, **options))
    if not json and (history := result.value.get("history")):
        emit(history, json=False)
    show_result(result, json=json)


def _limits(text: str) -> dict[str, tuple[float, float]]:
    found = {}
    for each in text.split(",") if text else ():
        name, _, ends = each.partition("=")
        low, _, high = ends.partition(":")
        try:
            found[name.strip()] = (float(low), float(high))
        except ValueError:
            raise Invalid(f"{each[:60]!r} is no limit: write column=least:largest, such as age=18:90") from None
    return found
