"""What a training request chooses, and the steps from rows to a model: preparation, strategy, final scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
import numpy as np

from steelyard import records
from steelyard.errors import Invalid
from steelyard.functions.selection import Selection
from steelyard.ids import PartyId
from steelyard.learning import scaling, scoring
from steelyard.learning.adapters import LOCAL_RATE, local_of
from steelyard.learning.asking import Floats, Steps
from steelyard.learning.averaging import Averaging
from steelyard.learning.boosting import Boosting
from steelyard.learning.descent import Descent
from steelyard.learning.drawn import Drawn
from steelyard.learning.model import Arrays, Card, Model
from steelyard.learning.newton import Newton
from steelyard.learning.noise import Budget
from steelyard.learning.records import Feature, Records
from steelyard.learning.scaling import Prepared
from steelyard.learning.scoring import Quality
from steelyard.learning.strategy import Place, Strategy, Trained
from steelyard.learning.trainer import TrainerProcess
from steelyard.protocols.attempt import Attempt

Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1000)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]
_AVERAGED: Final = ("fedavg", "fedprox", "fedadam")


class Choice(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments that say how to train.  `rate` 0 is the strategy's own; `strategy` empty the model's usual one;
    `trainer` one that every owner's policy lists, run at each party for its own part.
    """

    name: str = "model"
    model: Literal["logistic", "mlp", "gbdt"] = "logistic"
    strategy: Literal["", "newton", "fedavg", "fedprox", "fedadam", "gradient", "boosting"] = ""
    rounds: Count = 10
    trees: Count = 50
    depth: Annotated[int, msgspec.Meta(ge=1, le=8)] = 4
    bins: Annotated[int, msgspec.Meta(ge=4, le=256)] = 32
    hidden: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    epochs: Count = 2
    rate: Weight = 0.0
    l2: Weight = 1.0
    proximal: Positive = 0.1
    ditto: Weight = 0.0
    clip: Annotated[float, msgspec.Meta(ge=1e-6, le=1000)] = 1.0
    sample: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    patience: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    test: Annotated[float, msgspec.Meta(ge=0.02, le=0.9)] = (
        0.25  # a cheat among the nodes can spoil the check of counts
    )
    seed: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)] = 1
    protects: Literal["record", "party"] = "record"
    trainer: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9-]{0,40})?\Z")] = ""

    @property
    def reports(self) -> int:
        """Lines of the history, at most."""
        return self.trees if self.model == "gbdt" else self.rounds

    def strategy_of(self, noisy: bool) -> Strategy:
        """Raises Invalid for what does not go together."""
        chosen = self.strategy or self._usual(noisy)
        hidden = self.hidden if self.model == "mlp" else 0
        if (self.model == "gbdt") != (chosen == "boosting") or (chosen == "newton" and self.model != "logistic"):
            raise Invalid(f"a {self.model} model is not trained by {chosen}")
        if noisy and (chosen == "newton" or (chosen in _AVERAGED) != (self.protects == "party")):
            raise Invalid("with epsilon, `gradient` and `boosting` protect records, and averaging protects parties")
        if self.sample < 1 and (chosen not in _AVERAGED or not noisy):
            raise Invalid(
                "a sample of the parties needs averaging with epsilon: exact sums over other parties in each round are"
                " equations for the part of each; leave the sample out"
            )
        if self.trainer and (chosen not in ("fedavg", "fedadam") or hidden or self.ditto):
            raise Invalid(
                "a trainer of the parties' own goes with fedavg or fedadam of a logistic model, without ditto"
            )
        if chosen == "newton":
            return Newton(self.rounds, self.l2)
        if chosen == "boosting":
            rate = self.rate or 0.1
            if noisy:
                return Drawn(self.trees, self.depth, rate, self.l2)
            return Boosting(self.trees, self.depth, self.bins, rate, self.l2, patience=self.patience)
        if chosen == "gradient":
            return Descent(self.rounds, hidden, self.rate or 0.5, clip=self.clip, patience=self.patience)
        return Averaging(
            self.rounds,
            hidden,
            self.epochs,
            rate=self.rate,
            proximal=self.proximal if chosen == "fedprox" else 0.0,
            server="adam" if chosen == "fedadam" else "average",
            ditto=self.ditto,
            clip=self.clip,
            sample=self.sample,
            patience=self.patience,
        )

    @contextmanager
    def at_work(
        self, noisy: bool, start: Callable[[str], TrainerProcess] | None, noted: Callable[[dict[str, Any]], None] | None
    ) -> Iterator[Strategy]:
        """The strategy, with the party's own trainer in its process where the request names one; `noted` hears of what
        it complains.
        """

        def told(complaint: str) -> None:
            if noted:
                noted({"trainer": complaint})

        strategy = self.strategy_of(noisy)
        if not (self.trainer and start and isinstance(strategy, Averaging)):
            yield strategy
            return
        with start(self.trainer) as process:
            yield replace(strategy, local=local_of(process, self.epochs, self.rate or LOCAL_RATE, told=told))

    def _usual(self, noisy: bool) -> str:
        if self.model == "gbdt":
            return "boosting"
        if self.trainer:
            return "fedavg"
        if noisy:
            return "gradient" if self.protects == "record" else "fedavg"
        return "newton" if self.model == "logistic" else "fedavg"


def summed(strategy: Strategy) -> str:
    """What the sums of a strategy are of, in words for owners."""
    if isinstance(strategy, Newton):
        return "column means and deviations, and gradient, Hessian and loss of all rows in each round"
    if isinstance(strategy, Boosting):
        return (
            "how many rows have each column in each of many cells, and for every node of every tree the slopes of its"
            " rows by cell: single rows of rare values show in them, not whose"
        )
    if isinstance(strategy, Drawn):
        return (
            "how many rows have each column in each of 64 cells, and the slopes of the rows in each leaf of each tree"
        )
    if isinstance(strategy, Descent):
        return "numbers of rows, column means, and the gradient of all rows in each round"
    return "numbers of rows, column means, and the average of the parties' updates in each round"


@dataclass(frozen=True, slots=True)
class Result:
    """What a node has in the end; `personal` is its own and nobody else's, and so is how many values were `beyond` the
    limits, and how many of its updates were `cut` to size.
    """

    model: Model
    quality: Quality
    personal: Model | None = field(repr=False)
    beyond: int
    cut: int


class About(msgspec.Struct, frozen=True):
    """What the card says of the data."""

    dataset: str
    column: str
    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The run as every node plays it.  `choice` also has dataset, column, features and delta of the request."""

    choice: Choice
    strategy: Strategy
    contributors: tuple[PartyId, ...]
    attempt: Attempt
    budget: Budget | None
    minimum_rows: int = 0  # the largest that an owner insists on
    requester: str = ""

    OWN_RELEASES: ClassVar[int] = 2  # number of rows, final scoring
    LONGEST: ClassVar[int] = 2 * scoring.CELLS + 1

    def steps(self, rows: Records) -> Steps[Result]:
        noisy, whole = self.budget is not None, self.choice.protects == "party"
        # 1. Columns come to one scale.
        prepared = yield from scaling.limited(rows, not whole) if noisy else scaling.standardised(rows)
        # 2. Train.
        trained = yield from self.strategy.steps(prepared, self._place())
        # 3. Score the rows kept back.
        scale = {"centre": prepared.scaling.centre, "width": prepared.scaling.width}
        draft = Model(self._card(prepared, trained), {**trained.arrays, **scale})
        scores = draft.scores(rows.raw[rows.test]) if not noisy else self._scores(draft, prepared)
        found = yield from (
            scoring.asked_of_parties("final", scores, prepared.test_y)
            if noisy and whole
            else scoring.asked("final", scores, prepared.test_y, noisy)
        )
        card = msgspec.structs.replace(draft.card, quality=found.to_json(), epsilon=self._spent())
        personal = _personal(card, trained, scale)
        return Result(Model(card, draft.arrays), found, personal, prepared.beyond, trained.cut)

    def _place(self) -> Place:
        me, parties = self.attempt.me, self.contributors
        noise = self.budget.multiplier if self.budget else 0.0
        return Place(
            parties.index(me) if me in parties else -1, len(parties), self.choice.seed, noise, self.minimum_rows
        )

    def _scores(self, model: Model, prepared: Prepared) -> Floats:
        """Of test rows that the limits have cut, as the training rows were."""
        centre, width = prepared.scaling.centre, prepared.scaling.width
        return model.scores(prepared.test_x * width + centre)

    def _card(self, prepared: Prepared, trained: Trained) -> Card:
        about = records.from_plain(self.choice, About, from_attributes=True)
        return Card(
            name=self.choice.name,
            kind=trained.kind,
            strategy=type(self.strategy).__name__.lower(),
            dataset=about.dataset,
            target=about.column,
            features=about.features,
            rounds=trained.rounds,
            rows=int(prepared.scaling.rows),
            parties=self.contributors,
            quality={},
            history=trained.history,
            delta=self.budget.delta if self.budget else 0.0,
            protects=self.choice.protects if self.budget else "",
            computation=self.attempt.computation,
            requester=self.requester,
        )

    def _spent(self) -> float:
        """Rounded up: what the card says is never less than what was spent."""
        return float(np.ceil(self.budget.spent * 1e6) / 1e6) if self.budget else 0.0


def _personal(card: Card, trained: Trained, scale: Arrays) -> Model | None:
    if trained.personal is None:
        return None
    own = msgspec.structs.replace(card, name=f"{card.name}_personal", quality={}, history=(), personal=True)
    return Model(own, {**trained.personal, **scale})
