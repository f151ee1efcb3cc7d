"""Rankings: who has the most, in order, and nothing more than was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium
from protocols.market import SIZES, Said, ask, nothing_was_dealt, watch_openings

from steelyard.documents.attempt import Contribution
from steelyard.errors import Invalid, Malformed
from steelyard.fixedpoint import format as money
from steelyard.functions.catalogue import question
from steelyard.functions.question import Opening, Question

LARGEST = 2**59 // 5 - 1
totals = st.one_of(st.integers(-2, 2), st.sampled_from([LARGEST, -LARGEST]))


def asked(*groups: str, **changes: object) -> Question:
    grouped = {"group_by": "segment", "groups": list(groups)} if groups else {}
    return question("top", {"dataset": "accounts", "column": "balance", **grouped, **changes})


def layers(sums: list[int], rows: int | list[int] = 5) -> dict[str, list[int]]:
    counts = [rows] * len(sums) if isinstance(rows, int) else rows
    return {"sum": sums, "count": counts, "parties": [int(each > 0) for each in counts]}


def ranked(names: list[str], sums: list[int], count: int, kind: str, *, values: bool) -> list[dict[str, object]]:
    order = sorted(range(len(sums)), key=lambda index: -sums[index])[:count]  # stable: ties stay in order
    return [
        {"rank": rank, kind: names[index], **({"total": money(sums[index], 2)} if values else {})}
        for rank, index in enumerate(order, start=1)
    ]


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=6, deadline=None)
@given(sums=st.lists(totals, min_size=5, max_size=5), count=st.integers(1, 6), values=st.booleans())
def test_parties_come_in_the_order_of_their_totals(n: int, k: int, sums: list[int], count: int, values: bool) -> None:
    consortium = Consortium(n, k)
    inputs = {party: layers([total]) for party, total in zip(consortium.parties, sums[:n], strict=True)}
    found = ask(consortium, asked(count=count, values=values), inputs)
    assert found == {"top": ranked(list(consortium.parties), sums[:n], count, "party", values=values)}


@pytest.mark.parametrize(("n", "k"), SIZES)
@settings(max_examples=6, deadline=None)
@given(data=st.data(), values=st.booleans())
def test_groups_come_in_the_order_of_their_totals_over_all_parties(
    n: int, k: int, data: st.DataObject, values: bool
) -> None:
    consortium, names = Consortium(n, k), [f"g{index}" for index in range(data.draw(st.integers(1, 12)))]
    parts = [data.draw(st.lists(totals, min_size=len(names), max_size=len(names))) for _ in range(n)]
    inputs = {party: layers(part) for party, part in zip(consortium.parties, parts, strict=True)}
    found = ask(consortium, asked(*names, values=values), inputs)
    assert found == {"top": ranked(names, [sum(each) for each in zip(*parts, strict=True)], 3, "group", values=values)}


def test_a_hundred_groups_are_ranked() -> None:
    consortium, names = Consortium(3, 2), [f"g{index}" for index in range(100)]
    sums = [index * 37 % 101 for index in range(100)]
    inputs = {party: layers(sums) for party in consortium.parties}
    assert ask(consortium, asked(*names, count=5), inputs)["top"] == ranked(names, sums, 5, "group", values=False)


def test_groups_with_too_few_rows_or_parties_are_left_out_before_the_ranking() -> None:
    consortium = Consortium(3, 2, minimum_rows=10)
    inputs = {party: layers([9, 8, 7], [3, 4, 40 * (party == "bank-b")]) for party in consortium.parties}
    assert ask(consortium, asked("few", "many", "lonely", values=True), inputs) == {
        "top": [{"rank": 1, "group": "many", "total": "0.24"}],
        "left_out": ["few", "lonely"],
    }


def test_a_party_with_too_few_rows_of_its_own_is_left_out() -> None:
    consortium = Consortium(4, 2, minimum_rows=10)
    rows = (10, 9, 10, 50)
    inputs = {party: layers([1], [each]) for party, each in zip(consortium.parties, rows, strict=True)}
    assert ask(consortium, asked(), inputs) == {
        "top": [
            {"rank": 1, "party": "bank-a"},
            {"rank": 2, "party": "bank-c"},
            {"rank": 3, "party": "bank-d"},
        ],
        "left_out": ["bank-b"],
    }


def test_parties_are_not_ranked_when_fewer_than_the_minimum_group_have_rows() -> None:
    consortium = Consortium(4, 2, minimum_group=3)
    inputs = {party: layers([1], [0]) for party in consortium.parties}
    inputs |= {party: layers([1], [50]) for party in consortium.parties[:2]}
    found = ask(consortium, asked(values=True), inputs)
    assert found == {"top": [], "left_out": list(consortium.parties), "suppressed": True}


def test_a_party_without_the_dataset_has_no_place() -> None:
    consortium = Consortium(4, 2)
    inputs = {party: layers([1]) for party in consortium.parties[1:]}
    found = ask(consortium, asked(count=9), inputs)
    assert [each["party"] for each in found["top"]] == list(consortium.parties[1:])


@pytest.mark.parametrize("groups", [(), ("x", "y", "z")])
def test_nothing_but_suppression_and_a_random_order_is_opened_and_the_transcript_has_one_shape(
    groups: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    for value in (0, 5, -LARGEST):
        said, consortium = Said(), Consortium(3, 2)
        with monkeypatch.context() as patched:
            watch_openings(patched, said)
            sums = [value, 1, 2][: len(groups) or 1]
            ask(consortium, asked(*groups, count=1), {party: layers(sums) for party in consortium.parties}, said=said)
        assert said.opened == ["suppressed", "outcomes"]
        shapes.append(said.messages)
    assert all(shape == shapes[0] for shape in shapes)


def test_no_message_is_longer_than_nodes_accept() -> None:
    names = [f"g{index}" for index in range(256)]
    wanted, consortium, said = asked(*names), Consortium(5, 3), Said()
    ask(consortium, wanted, {party: layers([0] * 256) for party in consortium.parties}, said=said)
    assert max(size for *_, size in said.messages) <= wanted.longest(5)


def test_the_order_of_comparisons_that_is_opened_is_another_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import steelyard.protocols.sort as sort

    seen, original = set(), sort.open_bits

    def watched(circle, step, share):  # type: ignore[no-untyped-def]
        opened = yield from original(circle, step, share)
        seen.add(opened.tobytes())
        return opened

    monkeypatch.setattr(sort, "open_bits", watched)
    for _ in range(10):
        consortium = Consortium(4, 2)
        inputs = {party: layers([index]) for index, party in enumerate(consortium.parties)}
        ask(consortium, asked(), inputs)
    assert len(seen) > 1


def test_a_total_that_could_overflow_is_refused_before_anything_is_dealt() -> None:
    consortium = Consortium(3, 2)
    with pytest.raises(Invalid, match="overflow"):
        ask(consortium, asked(), {party: layers([2**59 // 3]) for party in consortium.parties})
    assert nothing_was_dealt(consortium)


@pytest.mark.parametrize("changes", [{"count": 0}, {"count": 257}, {"count": "3"}, {"group_by": "x"}, {"limit": "1"}])
def test_arguments_that_are_none_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        asked(**changes)
    with pytest.raises(Invalid, match="at most 256"):
        asked(*[f"g{index}" for index in range(257)])


def test_a_party_figure_needs_a_word_of_its_own_in_policies_and_an_order_counts_as_a_search() -> None:
    assert [asked(values=each).allowed_as for each in (False, True)] == ["top", "top_values"]
    assert [asked("x", values=each).allowed_as for each in (False, True)] == ["top", "sum"]
    assert [asked(values=each).searches for each in (False, True)] == [True, False]
    assert asked().wanted.narrowed  # so that no party is let through for having enough rows by its own word


@pytest.mark.parametrize(("values", "suppressed"), [([0], ()), ([0, 0], ()), ([0, 2], ()), ([0], (0,)), ([1], (5,))])
def test_a_result_that_is_no_ranking_is_malformed(values: list[int], suppressed: tuple[int, ...]) -> None:
    parties = [Contribution(party, "v", (2,), (0,)) for party in ("bank-a", "bank-b")]
    with pytest.raises(Malformed):
        asked().figures(Opening(np.array(values), suppressed, (2,), parties, 2))
