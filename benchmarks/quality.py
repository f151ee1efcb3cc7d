"""How good trained models are: `python -m benchmarks.quality [german|gmsc]`.  AUC over the test rows of all parties.

Rows are spread over parties unlike each other (`credit_data.Credit.unlike`); parties are played in one process, for
sums formed securely are the same numbers.  One split, fixed seeds: figures repeat to the last digit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.credit_data import german, gmsc
from steelyard.learning import scaling, scoring
from steelyard.learning.asking import Floats, together
from steelyard.learning.averaging import Averaging
from steelyard.learning.boosting import Boosting, Forest
from steelyard.learning.descent import Descent
from steelyard.learning.network import Network
from steelyard.learning.newton import Newton
from steelyard.learning.records import Records
from steelyard.learning.scaling import Prepared
from steelyard.learning.strategy import Place, Strategy, Trained

SETS: Final = {"german": (german, 5), "gmsc": (gmsc, 10)}
STRATEGIES: Final[dict[str, Strategy]] = {
    "newton, 8 rounds": Newton(8),
    "fedavg, 20 rounds": Averaging(20),
    "fedprox, 20 rounds": Averaging(20, proximal=0.1),
    "fedadam, 30 rounds": Averaging(30, server="adam"),
    "gradient, 60 rounds": Descent(60, clip=5.0),
    "mlp of 8, fedavg, 20 rounds": Averaging(20, hidden=8),
    "gbdt, 100 trees": Boosting(100),
}
Out = list[tuple[Prepared, Trained]]


def trained(parts: Sequence[Records], strategy: Strategy) -> Out:
    def steps(part: Records, at: int) -> Any:
        rows = yield from scaling.standardised(part)
        return rows, (yield from strategy.steps(rows, Place(at, len(parts), 7)))

    return together([steps(part, at) for at, part in enumerate(parts)])


def scores(kind: str, arrays: Any, x: Floats) -> Floats:
    if kind == "gbdt":
        return Forest.of(arrays).scores(x)
    return Network(x.shape[1], int(arrays["hidden"])).scores(arrays["weights"], x)


def figures(name: str) -> Iterator[tuple[str, float]]:
    make, parties = SETS[name]
    parts = make().unlike(parties)
    rows = [each for each, _ in trained(parts, Newton(1))]
    x, y = (np.concatenate([getattr(each, part) for each in rows]) for part in ("x", "y"))
    test_x, test_y = (np.concatenate([getattr(each, part) for each in rows]) for part in ("test_x", "test_y"))

    def auc(found: Floats) -> float:
        return scoring.auc(found, test_y)

    yield (
        "all rows in one place, logistic regression",
        auc(LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(x, y).decision_function(test_x)),
    )
    pooled = lightgbm.LGBMClassifier(verbose=-1, random_state=1, n_jobs=1).fit(x, y)
    yield "all rows in one place, LightGBM", auc(np.asarray(pooled.predict(test_x, raw_score=True)))
    for label, strategy in STRATEGIES.items():
        _, model = trained(parts, strategy)[0]
        yield f"together, {label}", auc(scores(model.kind, model.arrays, test_x))
    alone = [
        auc(LogisticRegression(max_iter=2000).fit(each.x, each.y).decision_function(test_x))
        for each in rows
        if len(set(each.y)) > 1
    ]
    yield "a party alone, logistic regression, mean", float(np.mean(alone))
    yield "a party alone, the worst", min(alone)
    yield from _personal(parts)


def _personal(parts: Sequence[Records]) -> Iterator[tuple[str, float]]:
    """On each party's own test rows, by mean log-loss: a ranking within one party says little of a personal model."""
    out = trained(parts, Averaging(20, ditto=0.1))
    both = [(rows, model) for rows, model in out if model.personal is not None and len(rows.test_y)]
    for label, own in (("common", False), ("personal (ditto 0.1)", True)):
        losses = [
            float(scoring.loss(scores(m.kind, m.personal if own else m.arrays, r.test_x), r.test_y).mean())
            for r, m in both
        ]
        yield f"log-loss on own test rows, mean over parties, {label} weights", float(np.mean(losses))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SETS:
        print(f"{wanted}: {SETS[wanted][1]} parties")
        for what, value in figures(wanted):
            print(f"  {what:70}{value:.4f}")
