"""What a cheating party, requester or coordinator tries in order to see one party's part of a training run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium
from protocols.test_train import CREDIT, NAMES, Kitchen, asked, figures, kitchens, trained
from protocols.training import Adders

from steelyard.errors import Cheated, Conflict, Failed, GroupTooSmall, Invalid, SteelyardError
from steelyard.protocols.secure_sum import Summed

Watch = Callable[[str, str, Any, Any], Any]


def watching(seen: set[str]) -> Watch:
    def watch(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        seen.add(round_.step)
        return message

    return watch


def other_rows(table: Kitchen) -> Kitchen:
    """The same node with other rows than before."""
    few = {name: values[: len(values) // 2] for name, values in table.columns.items()}
    return Kitchen(few, table.kept, table.models)


@pytest.mark.parametrize("done", [True, False])
def test_a_run_that_is_repeated_with_a_cheat_s_other_rows_opens_no_noise_twice(done: bool) -> None:
    """The sums of a run are erased when its result is there, or denied by those who cheat: the run then begins anew.
    With other sums before it, a step would be opened over other values with the same noise.
    """
    consortium, tables = Consortium(3, 2), kitchens(CREDIT, 3, NAMES)
    asking = asked(True, epsilon="4", rounds=3)
    figures(consortium, asking, trained(consortium, asking, tables))
    first = dict(tables[0].kept.sums)
    for table in tables if done else tables[1:]:
        table.kept.sums.clear()
    tables[2] = other_rows(tables[2])
    outcome = trained(consortium, asking, tables)
    assert all(isinstance(each, SteelyardError) for each in outcome.values())
    assert isinstance(outcome[consortium.parties[0]], Conflict)
    assert {number: table.kept.sums[number] for table in tables[:2] for number in table.kept.sums if number > 1} in (
        {},
        {number: each for number, each in first.items() if number > 1},
    )


def test_noise_depends_on_what_it_hides() -> None:
    consortium, asking = Consortium(3, 2), asked(True, epsilon="4", rounds=2)
    runs = []
    for change in (False, True):
        tables = kitchens(CREDIT, 3, NAMES)
        if change:
            tables[2] = other_rows(tables[2])
        figures(consortium, asking, trained(consortium, asking, tables))
        runs.append(tables[0].kept.sums)
    assert runs[0][1] != runs[1][1]  # the cheat's number of rows; the others' part and noise are as before
    assert runs[0][2] != runs[1][2]


@pytest.mark.parametrize("step", [1, 3])
def test_exact_sums_are_never_formed_over_fewer_than_all(step: int) -> None:
    """Another run, or the step before, has the sum with the party that is missing."""
    consortium, tables = Consortium(5, 3, dropouts=False), kitchens(CREDIT, 5, NAMES)
    asking, gone, spoken = asked(strategy="fedavg", rounds=2), consortium.parties[2], 0

    def stop(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal spoken
        spoken += round_.step == "summand" and sender == gone
        return None if sender == gone and spoken > 4 * (step - 1) and round_.step != "input" else message

    outcome = trained(consortium, asking, tables, stop)
    for party, each in outcome.items():
        assert party == gone or isinstance(each, Failed)
    assert max(table.kept.latest() for table in tables) <= step - 1
    # When it is back, the run goes on.
    found = figures(consortium, asking, trained(consortium, asking, tables))
    assert found["dropped"] == []


def test_a_liar_who_says_it_heard_nothing_of_somebody_does_not_get_that_part() -> None:
    adders, liar, seen = Adders.of(5, 3), 1, set[tuple[str, str]]()
    brought = {party: np.arange(4, dtype=np.int64) + at for at, party in enumerate(adders.parties)}
    sums = adders.sums()
    for each in sums.values():
        each.whole = True

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        seen.add((sender, round_.step))
        if sender == adders.parties[liar] and round_.step == "heard":
            length = (len(message) - 4) // 5
            return message[: 3 * length] + bytes(length) + message[4 * length :]
        return message

    outcome = adders.add(brought, lie, sums)
    assert not any(isinstance(each, Summed) for party, each in outcome.items() if party != adders.parties[liar])
    assert not [sender for sender, step in seen if step == "sum" and sender != adders.parties[liar]]


def test_with_noise_the_others_go_on_whatever_the_policies_say() -> None:
    consortium, tables = Consortium(5, 3, dropouts=False), kitchens(CREDIT, 5, NAMES)
    asking, gone, spoken = asked(True, epsilon="5", rounds=3), consortium.parties[2], 0

    def stop(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal spoken
        spoken += round_.step == "sum" and sender == gone
        return None if sender == gone and spoken > 4 * 2 else message

    outcome = trained(consortium, asking, tables, stop)
    outcome.pop(gone)
    assert figures(consortium, asking, outcome)["dropped"] == [gone]


@pytest.mark.parametrize("enough", [True, False])
@pytest.mark.parametrize(("test", "what"), [(0.9, "train on"), (0.05, "test with")])
def test_a_split_that_leaves_few_rows_on_a_side_opens_nothing(test: float, what: str, enough: bool) -> None:
    """The sums of the columns over one row are that row."""
    consortium, tables, seen = Consortium(3, 2, enough=enough, minimum_rows=150), kitchens(CREDIT, 3, NAMES), set[str]()
    outcome = trained(consortium, asked(test=test), tables, watching(seen))
    for each in outcome.values():
        assert isinstance(each, GroupTooSmall)
        assert what in each.message
    assert "summand" not in seen


@pytest.mark.parametrize("test", [0.999, 0.001])
def test_a_split_to_single_rows_is_refused_before_anybody_counts(test: float) -> None:
    with pytest.raises(Invalid):
        asked(test=test)


def test_rows_of_too_few_parties_to_train_on_open_nothing() -> None:
    consortium, tables, seen = Consortium(3, 2, minimum_group=3), kitchens(CREDIT, 3, NAMES), set[str]()
    tables[1] = Kitchen({name: values[:0] for name, values in tables[1].columns.items()})
    outcome = trained(consortium, asked(), tables, watching(seen))
    assert {type(each) for each in outcome.values()} == {GroupTooSmall}
    assert "summand" not in seen


def test_exact_sums_over_a_sample_of_the_parties_are_refused() -> None:
    """Over other samples each round they are equations for every party's part."""
    with pytest.raises(Invalid, match="sample"):
        asked(strategy="fedavg", sample=0.6)
    with pytest.raises(Invalid, match="sample"):
        asked(True, epsilon="3", sample=0.6)
    assert asked(True, epsilon="3", protects="party", sample=0.6).wanted.sample == 0.6


def test_both_sides_of_a_split_have_the_owners_least_number_of_rows() -> None:
    consortium, tables = Consortium(3, 2, minimum_rows=60), kitchens(CREDIT, 3, NAMES)
    asking, cells = asked(model="gbdt", trees=3, depth=4, bins=16), []
    for table in tables:
        table.lines.clear()
    figures(consortium, asking, trained(consortium, asking, tables))
    from steelyard.learning.boosting import Forest, leaves
    from steelyard.learning.model_file import read_model

    model = read_model(tables[0].models["model"])
    forest = Forest.of(model.arrays)
    rows = asking._records(asking.bring(kitchens(CREDIT, 1, NAMES)[0], 0), (0,) * 5)
    z = (rows.raw[~rows.test] - model.arrays["centre"]) / model.arrays["width"]
    for feature, edge in zip(forest.feature, forest.edge, strict=True):
        counts = np.bincount(leaves(z, feature, edge), minlength=16)
        cells += [count for count in counts.tolist() if count]
    assert min(cells) >= 60


def test_one_who_tells_a_false_sum_is_named_and_the_run_goes_on_without_it() -> None:
    consortium, tables = Consortium(5, 3), kitchens(CREDIT, 5, NAMES)
    asking = asked(strategy="fedavg", rounds=2)
    figures(consortium, asking, trained(consortium, asking, tables))
    teller, lacking = consortium.parties[0], tables[3]
    for number in [each for each in lacking.kept.sums if each > 2]:
        del lacking.kept.sums[number]

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        false = sender == teller and round_.step == "told" and len(message) > 1
        return bytes([message[0] ^ 1]) + bytes(message[1:]) if false else message

    outcome = trained(consortium, asking, tables, lie)
    told = outcome[consortium.parties[3]]
    assert isinstance(told, Cheated)
    assert told.culprits == (teller,)
    assert lacking.kept.latest() == 2  # nothing false is kept
    assert figures(consortium, asking, trained(consortium, asking, tables))["dropped"] == []


def test_one_who_says_it_kept_other_sums_does_not_stop_the_rest() -> None:
    consortium, tables = Consortium(5, 3), kitchens(CREDIT, 5, NAMES)
    asking, liar = asked(strategy="fedavg", rounds=2), consortium.parties[1]
    figures(consortium, asking, trained(consortium, asking, tables))

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        return bytes(len(message)) if sender == liar and round_.step == "resumed" else message

    outcome = trained(consortium, asking, tables, lie)
    outcome.pop(liar)
    assert figures(consortium, asking, outcome)["dropped"] == []
