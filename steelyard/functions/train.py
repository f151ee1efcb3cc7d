"""Train: a model of one column from others, over the rows of all parties; the model stays with the parties.

Model       that of steelyard.protocols.training; the rows are what their owners say.
Rounds      1 for each sum of the strategy, times those of a secure sum.   Sends what these send.
Reveals     to all nodes: the sums, and with them the model. To the requester: figures of quality and the model's hash.
Follows     federated learning on secure sums; steelyard.learning names the papers.
Differs     what the requester gets is known to every node: each value is its own share, and a liar is outvoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from steelyard.errors import GroupTooSmall, Invalid, PolicyRefused
from steelyard.field import from_signed
from steelyard.functions import suppression
from steelyard.functions.means import Means
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.functions.training_plan import Choice, Plan, Result, summed
from steelyard.ids import identifier
from steelyard.learning.asking import Floats
from steelyard.learning.noise import Budget
from steelyard.learning.records import Feature, Records, records
from steelyard.learning.scaling import LEAST_ROWS
from steelyard.privacy import renyi
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.protocols.resume import Unkept
from steelyard.protocols.secure_sum import SecureSums
from steelyard.protocols.training import Training as Run
from steelyard.randomness import Randomness, SystemRandomness
from steelyard.rounds import Protocol

MAX_COLUMNS: Final = 512  # after texts have become 0/1 columns
MAX_EPSILON: Final = 100.0
_DECIMAL: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")
_DELTA: Final = re.compile(r"1e-[1-9][0-9]?|0\.[0-9]{1,12}")
_EXACT: Final = (
    "they are exact: who knows all other rows finds the last one in them; and where all owners' policies say"
    " dropouts_in_training, the part of a party that drops out is the difference of two"
)
_UNITS: Final = 10**6  # of a figure
_LIMBS: Final = 8  # of a hash, 32 bits each
_OVERHEAD: Final = 1 << 16  # bytes
_OWN_SUMS: Final = 8  # beside those of a strategy and its looks: of scaling, bins, final scores


class Training(Choice, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: `column` is predicted from `features`; `positive` is its text for a default, else the number 1."""

    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=MAX_COLUMNS)]
    positive: Annotated[str, msgspec.Meta(max_length=200)] = ""
    epsilon: Annotated[str, msgspec.Meta(max_length=20)] = ""
    delta: Annotated[str, msgspec.Meta(max_length=20)] = "1e-5"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *(feature.name for feature in self.features))

    @property
    def width(self) -> int:
        """Columns after texts have become 0/1 columns."""
        return sum(feature.width for feature in self.features)

    @property
    def noisy(self) -> bool:
        return bool(self.epsilon)

    def check(self) -> None:
        super().check()
        identifier(self.name, "model")
        if self.stored:
            raise Invalid("a model is trained on the owners' rows: name the dataset, not a stored sharing")
        if len(set(self.columns)) < len(self.columns):
            raise Invalid("each column is named once, the target not among the features")
        if self.width > MAX_COLUMNS:
            raise Invalid(f"more than {MAX_COLUMNS} columns to learn from, groups counted one by one")
        if any(len(set(feature.groups)) < len(feature.groups) for feature in self.features):
            raise Invalid("a group is named twice")
        if self.noisy and not (_DECIMAL.fullmatch(self.epsilon) and 0 < float(self.epsilon) <= MAX_EPSILON):
            raise Invalid(f"epsilon is a plain decimal number above 0 and at most {MAX_EPSILON:g}")
        if not _DELTA.fullmatch(self.delta) or not 0 < float(self.delta) < 0.01:
            raise Invalid("delta is a number above 0 and below 0.01, such as 1e-5")
        unlimited = [feature.name for feature in self.features if not feature.limited]
        if self.noisy and unlimited:
            raise Invalid(
                f"training with epsilon needs a low and a high limit of every number: {', '.join(unlimited)} has none;"
                f" add them, such as --limits {unlimited[0]}=0:100, or leave such columns out with --features"
            )
        self.strategy_of(self.noisy)


class Train(Question[Training]):
    """A contributor deals how many rows it has; its rows never leave it, in no form."""

    @property
    def local(self) -> bool:
        return True

    @property
    def epsilon(self) -> float:
        return float(self.wanted.epsilon) if self.wanted.noisy else 0.0

    @property
    def trainer(self) -> str:
        return self.wanted.trainer

    @property
    def delta(self) -> float:
        return float(self.wanted.delta) if self.wanted.noisy else 0.0

    @property
    def curve(self) -> tuple[float, ...]:
        if not self.wanted.noisy:
            return ()
        return tuple(renyi.planned(self.epsilon, self.delta, self._releases).tolist())

    @property
    def _releases(self) -> int:
        return self.wanted.strategy_of(self.wanted.noisy).releases + Plan.OWN_RELEASES

    def values(self, rows: int) -> int:
        return 4

    def bring(self, table: Table, rows: int) -> Layers:
        wanted, layers = self.wanted, dict[str, Values]()
        if wanted.positive:
            texts = table.texts(wanted.column, wanted.filter)
            layers[wanted.column] = np.array([each == wanted.positive for each in texts], dtype=np.int64)
        else:
            layers[wanted.column] = table.values(wanted.column, wanted.filter)
        for feature in wanted.features:
            if feature.groups:
                layers[feature.name] = _places(feature, table.texts(feature.name, wanted.filter))
            else:
                layers[feature.name] = table.values(feature.name, wanted.filter)
        return layers

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        """How many rows I train on, how many I keep back to test with, and whether I have any of either."""
        test = self._records(brought, greeting.decimals).test
        counts = np.array([np.count_nonzero(~test), np.count_nonzero(test)], dtype=np.int64)
        return np.concatenate([counts, (counts > 0).astype(np.int64)])

    def release(self, held: Held) -> Protocol[Released]:
        wanted, total = self.wanted, held.sum()
        self._check_name(held.means)
        # 1. Are there enough rows, of enough parties, on either side?  With noise the owners have allowed any number.
        if not self.private:
            few = yield from suppression.suppressed(held, total[:2], total[2:], needed=LEAST_ROWS, partly=True)
            if few:
                raise GroupTooSmall(
                    f"too few rows, or rows of too few parties, to {'train on' if 0 in few else 'test with'}"
                )
        # 2. Train: sums, and nothing but sums, become known to the nodes.
        ports, contributors = held.means, held.greeting.contributors
        sums = SecureSums(
            held.attempt,
            held.greeting.keys,
            contributors,
            SystemRandomness(),
            held.greeting.minimum_group,
            ports.checkpoints,
            whole=not (self.private or held.greeting.dropouts),
        )
        contributes = held.attempt.me in contributors
        budget = self._budget(sums) if wanted.noisy else None
        # Noise comes again for the same sum only where the node sees to it that this is over the same parties.
        noise = held.noise if held.noise and ports.checkpoints else _fresh
        kept = ports.checkpoints or Unkept()
        run = Run(sums, contributes, noise, budget, kept, ports.progress)
        rows = self._records(held.brought, held.greeting.decimals)
        with wanted.at_work(wanted.noisy, ports.trainer if contributes else None, ports.noted) as strategy:
            plan = Plan(
                wanted, strategy, contributors, held.attempt, budget, held.greeting.minimum_rows, ports.requester
            )
            result = yield from run.run(plan.steps(rows))
        # 3. The model stays here; the requester gets figures and the hash.
        if ports.noted:
            ports.noted({"beyond": result.beyond, "cut": result.cut, "unverified": not run.verified})
        if ports.models:
            ports.models.keep(wanted.name, result.model.encode())
            if result.personal:
                ports.models.keep(f"{wanted.name}_personal", result.personal.encode())
        return Released(from_signed(_packed(result, sums.mask(run.dropped), wanted.reports)))

    def _check_name(self, means: Means) -> None:
        """Nobody puts a model of its own in the place of one that somebody else asked for, and perhaps uses."""
        if means.models is None:
            return
        for each in (self.wanted.name, f"{self.wanted.name}_personal"):
            before = means.models.requester(each)
            if before not in ("", means.requester):
                raise PolicyRefused(
                    f"{before} asked for the model {each} that is kept here: choose another name (--name)"
                )

    def figures(self, opened: Opening) -> dict[str, Any]:
        size = len(_FIGURES) + _LIMBS + 3 * self.wanted.reports
        values = opened.rows(size, 1)[:, 0]
        figures = {name: _figure(name, int(value)) for name, value in zip(_FIGURES, values, strict=False)}
        limbs = values[len(_FIGURES) : len(_FIGURES) + _LIMBS]
        reports = values[len(_FIGURES) + _LIMBS :].reshape(-1, 3)
        contributors = [each.party for each in opened.contributions]
        return {
            **figures,
            "dropped": [party for at, party in enumerate(contributors) if int(values[0]) >> at & 1],
            "model": self.wanted.name,
            "hash": b"".join(int(limb).to_bytes(4, "big") for limb in limbs).hex(),
            "history": [
                {"round": int(round_), "loss": loss / _UNITS, "auc": auc / _UNITS}
                for round_, loss, auc in reports.tolist()
                if round_
            ],
        }

    def released(self) -> str:
        wanted = self.wanted
        where = f" where {wanted.where}" if wanted.where else ""
        noise = f", with noise for epsilon = {wanted.epsilon} at delta = {wanted.delta}" if wanted.noisy else ""
        return (
            f"how well a {wanted.model} model of {wanted.dataset}.{wanted.column}{where} predicts rows kept back, over"
            f" all parties: numbers of rows, AUC, KS and loss by round{noise}; and the model's hash"
        )

    def leaks(self) -> Sequence[Leak]:
        wanted, names = self.wanted, ", ".join(feature.name for feature in self.wanted.features)
        protected, guessed = (
            f"one {wanted.protects} more or less is hidden in them by noise" if wanted.noisy else _EXACT,
            ", as far as the noise lets it" if wanted.noisy else "",
        )
        sums, looks = (
            summed(wanted.strategy_of(wanted.noisy)),
            "at the end" if wanted.noisy else "exactly, at every look",
        )
        return (
            Leak(
                f"the model, which may be exported: {wanted.model} of {wanted.column} from {names}; whoever has it can"
                f" try rows on it, and guess who was trained on, or a value that is unknown{guessed}",
                "every node",
            ),
            Leak(
                f"the sums that training takes, over at least as many parties as must be in each: {sums}; {protected}",
                "every node",
            ),
            Leak(f"how many of all rows kept back have a score in each of many cells, {looks}", "every node"),
            Leak("which parties were in each sum", "every node"),
            Leak("how long each round of training took, and of how many bytes", "the coordinator"),
            *(() if self.private else suppression.leaks(wanted)),
        )

    def longest(self, participants: int, contributors: int = 0) -> int:
        strategy = self.wanted.strategy_of(self.wanted.noisy)
        values, hashes = max(strategy.longest(self.wanted.width), Plan.LONGEST), 2 * (strategy.releases + _OWN_SUMS)
        return max(super().longest(participants), 8 * values + _OVERHEAD, 32 * hashes + _OVERHEAD)

    def _budget(self, sums: SecureSums) -> Budget:
        sharers = sums.least - (sums.attempt.threshold - 1)
        return Budget(float(self.wanted.epsilon), float(self.wanted.delta), self._releases, sharers)

    def _records(self, brought: Layers | None, decimals: Sequence[int]) -> Records:
        """A node without data has no rows.  Which rows are kept back follows from the seed and the row alone."""
        wanted, places = self.wanted, dict(zip(self.wanted.columns, decimals, strict=True))
        if brought is None:
            brought = {name: np.empty(0, dtype=np.int64) for name in wanted.columns}
        columns: Mapping[str, Floats | Sequence[str]] = {
            feature.name: [feature.groups[place] for place in brought[feature.name].tolist()]
            if feature.groups
            else brought[feature.name] / 10 ** places[feature.name]
            for feature in wanted.features
        }
        target = brought[wanted.column] / (1 if wanted.positive else 10 ** places[wanted.column])
        return records(wanted.features, columns, target, wanted.test, wanted.seed)


_COUNTS: Final = ("dropped", "rows", "rounds", "test_rows", "test_defaults")
_FIGURES: Final = (*_COUNTS, "loss", "auc", "ks", "epsilon")


def _figure(name: str, value: int) -> int | float:
    return value if name in _COUNTS else value / _UNITS


def _packed(result: Result, dropped: int, reports: int) -> Values:
    quality, card = result.quality, result.model.card
    figures = [dropped, card.rows, card.rounds, quality.rows, quality.defaults]
    figures += [round(each * _UNITS) for each in (quality.loss, quality.auc, quality.ks, card.epsilon)]
    digest = result.model.digest
    limbs = [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4)]
    history = [
        (each["round"], round(each["loss"] * _UNITS), round(each["auc"] * _UNITS))
        for each in card.history
        if "auc" in each
    ][:reports]
    history += [(0, 0, 0)] * (reports - len(history))
    return np.array([*figures, *limbs, *(value for line in history for value in line)], dtype=np.int64)


def _places(feature: Feature, texts: Sequence[str]) -> Values:
    places = {group: place for place, group in enumerate(feature.groups)}
    found = np.array([places.get(text, -1) for text in texts], dtype=np.int64)
    if (found < 0).any():
        raise Invalid(f"the column {feature.name} has a text that is not among the groups named in the request")
    return found


def _fresh(step: str) -> Randomness:
    return SystemRandomness()
