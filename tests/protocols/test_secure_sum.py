"""A secure sum is the sum of those who stayed, opened once, to the nodes, under a list that a quorum has signed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.training import Adders

from steelyard.errors import Conflict, Failed, GroupTooSmall, SteelyardError
from steelyard.field import to_signed
from steelyard.protocols.open_slices import SLICED
from steelyard.protocols.secure_sum import Summed

SIZES = [(3, 2), (4, 2), (5, 3), (7, 4)]
LENGTHS = [1, 1000, SLICED + 7]


def vectors(adders: Adders, size: int) -> dict[Any, np.ndarray]:
    return {
        party: np.arange(size, dtype=np.int64) * (7 * index - 11) + index for index, party in enumerate(adders.parties)
    }


def expected(brought: dict[Any, np.ndarray], survivors: Any) -> np.ndarray:
    return np.sum([brought[party] for party in survivors], axis=0)


def assert_summed(outcome: dict[Any, Any], brought: dict[Any, np.ndarray], survivors: Any) -> None:
    for each in outcome.values():
        assert isinstance(each, Summed), each
        assert each.survivors == tuple(survivors)
        assert np.array_equal(to_signed(each.opened.value), expected(brought, survivors))


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_all_learn_the_sum(n: int, k: int, size: int) -> None:
    adders = Adders.of(n, k)
    brought = vectors(adders, size)
    outcome = adders.add(brought)
    assert_summed(outcome, brought, adders.parties)
    assert all(not each.opened.liars for each in outcome.values())


@pytest.mark.parametrize(("n", "k", "width"), [(5, 2, 2), (7, 2, 3), (10, 3, 4), (10, 5, 2)])
def test_a_long_vector_is_packed_and_a_dealer_sends_a_fraction_of_it_to_each(n: int, k: int, width: int) -> None:
    adders, size, sent = Adders.of(n, k), SLICED + 7, Counter[tuple[str, str]]()
    brought = vectors(adders, size)

    def watch(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        sent[sender, round_.step] += len(message)
        return message

    outcome = adders.add(brought, watch)
    assert_summed(outcome, brought, adders.parties)
    assert all(each.opened.verified and not each.opened.liars for each in outcome.values())
    assert {sums.width(size) for sums in adders.sums().values()} == {width}
    for party in adders.parties:
        assert sent[party, "summand"] <= (n - k) * 8 * size / width + 3_000 * n


@pytest.mark.parametrize("step", ["summand", "heard", "survivors", "sum", "opened", "checked"])
def test_of_a_packed_sum_as_many_may_stop_as_the_quorum_can_spare(step: str) -> None:
    adders = Adders.of(10, 3)
    brought, stopped = vectors(adders, SLICED + 7), adders.parties[2:5]
    silent: set[str] = set()

    def stop(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        if sender in stopped and round_.step == step:
            silent.add(sender)
        return None if sender in silent else message

    outcome = adders.add(brought, stop)
    for party in stopped:
        outcome.pop(party)
    survivors = [party for party in adders.parties if party not in stopped or step != "summand"]
    assert_summed(outcome, brought, survivors)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-(2**56), 2**56), min_size=3, max_size=3))
def test_the_sum_is_exact_for_any_numbers(numbers: list[int]) -> None:
    adders = Adders.of(3, 2)
    brought = {party: np.array([each], dtype=np.int64) for party, each in zip(adders.parties, numbers, strict=True)}
    assert_summed(adders.add(brought), brought, adders.parties)


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("step", ["summand", "heard", "survivors", "sum", "opened", "checked"])
def test_the_others_go_on_when_one_stops_at_any_step(step: str, size: int) -> None:
    adders = Adders.of(5, 3)
    brought, stopped = vectors(adders, size), adders.parties[3]
    silent = False

    def stop(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        nonlocal silent
        silent |= sender == stopped and round_.step == step
        return None if silent and sender == stopped else message

    outcome = adders.add(brought, stop)
    outcome.pop(stopped)
    survivors = [party for party in adders.parties if party != stopped or step != "summand"]
    assert_summed(outcome, brought, survivors)


def test_who_is_out_is_out_of_the_next_sum_too_and_the_others_do_not_wait_for_it() -> None:
    adders = Adders.of(5, 3)
    brought, sums = vectors(adders, 4), adders.sums()
    gone = adders.parties[0]
    some = {party: each for party, each in brought.items() if party != gone}
    assert_summed(adders.add(some, sums=sums, step="one"), brought, some)
    assert all(gone not in sums[party].others for party in some)
    assert_summed(adders.add(some, sums=sums, step="two"), brought, some)


def test_one_who_spoke_to_some_only_is_left_out_by_all() -> None:
    adders = Adders.of(5, 3)
    brought, late = vectors(adders, 8), adders.parties[4]

    def partly(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        return None if sender == late and receiver in adders.parties[:2] and round_.step == "summand" else message

    outcome = adders.add(brought, partly)
    told = outcome.pop(late)
    assert isinstance(told, Failed)
    assert "left out" in told.message
    assert_summed(outcome, brought, adders.parties[:4])


def test_fewer_than_the_least_number_of_parties_open_nothing() -> None:
    adders, seen = Adders.of(5, 3), set()
    brought = {party: each for party, each in vectors(adders, 8).items() if party in adders.parties[:3]}

    def watch(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        seen.add(round_.step)
        return message

    outcome = adders.add(brought, watch)
    assert all(isinstance(each, SteelyardError) for each in outcome.values())
    assert "sum" not in seen


def test_a_sum_of_too_few_dealers_is_refused_though_all_nodes_are_there() -> None:
    adders = Adders.of(5, 2)
    adders.dealers = adders.parties[:2]
    brought = {party: each for party, each in vectors(adders, 8).items() if party in adders.dealers}
    outcome = adders.add(brought)
    assert {type(each) for each in outcome.values()} == {GroupTooSmall}


def test_nodes_without_data_hold_shares_and_learn_the_sum() -> None:
    adders = Adders.of(5, 3)
    adders.dealers = adders.parties[:4]
    brought = {party: each for party, each in vectors(adders, 8).items() if party in adders.dealers}
    outcome = adders.add(brought)
    assert len(outcome) == 5
    assert_summed(outcome, brought, adders.dealers)


def test_the_same_sum_is_not_opened_twice() -> None:
    adders = Adders.of(3, 2)
    brought, sums = vectors(adders, 4), adders.sums()
    assert_summed(adders.add(brought, sums=sums, step="one"), brought, adders.parties)
    again = adders.add(brought, sums=sums, step="one")
    assert {type(each) for each in again.values()} == {Conflict}


def test_not_even_in_another_attempt_with_other_survivors() -> None:
    adders = Adders.of(5, 3)
    brought = vectors(adders, 4)
    assert_summed(adders.add(brought), brought, adders.parties)
    assert_summed(adders.add(brought), brought, adders.parties)  # over the same parties it says nothing new
    fewer = {party: each for party, each in brought.items() if party != adders.parties[2]}
    outcome = adders.add(fewer)
    assert {type(each) for each in outcome.values()} == {Conflict}


def test_a_vote_for_another_list_of_survivors_does_not_count() -> None:
    adders = Adders.of(5, 3)
    brought, liar = vectors(adders, 8), adders.parties[1]

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        return bytes(64) if sender == liar and round_.step == "survivors" else message

    outcome = adders.add(brought, lie)
    outcome.pop(liar)
    assert_summed(outcome, brought, adders.parties)


def test_without_a_quorum_of_equal_lists_no_share_of_the_sum_leaves() -> None:
    adders, seen = Adders.of(5, 3), set()
    brought, liars = vectors(adders, 8), adders.parties[:2]

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        seen.add((sender, round_.step))
        return bytes(64) if sender in liars and round_.step == "survivors" else message

    outcome = adders.add(brought, lie)
    assert all(isinstance(outcome[party], Failed) for party in adders.parties[2:])
    assert not [sender for sender, step in seen if step == "sum" and sender in adders.parties[2:]]


@pytest.mark.parametrize(("n", "size"), [(7, 100), (7, SLICED + 7), (10, SLICED + 7)])
def test_a_wrong_share_of_the_sum_is_corrected_or_noticed(n: int, size: int) -> None:
    adders = Adders.of(n, 3)
    brought, liar = vectors(adders, size), adders.parties[2]

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        if sender == liar and round_.step == "sum":
            return bytes([message[0] ^ 1]) + bytes(message[1:])
        return message

    outcome = adders.add(brought, lie)
    outcome.pop(liar)
    assert_summed(outcome, brought, adders.parties)
    assert any(liar in each.opened.liars for each in outcome.values())


@pytest.mark.parametrize("n", [7, 10])
def test_an_opener_who_opens_something_else_is_caught(n: int) -> None:
    adders = Adders.of(n, 3)
    brought, liar = vectors(adders, SLICED + 7), adders.parties[2]

    def lie(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        if sender == liar and round_.step == "opened":
            return bytes([message[0] ^ 1]) + bytes(message[1:])
        return message

    outcome = adders.add(brought, lie)
    outcome.pop(liar)
    assert all(isinstance(each, SteelyardError) and liar in each.suspects for each in outcome.values())


@pytest.mark.parametrize("size", [8, SLICED + 7])
def test_a_dealing_that_is_no_sharing_is_left_out(size: int) -> None:
    adders = Adders.of(5, 2)
    brought, cheat = vectors(adders, size), adders.parties[1]
    sums = adders.sums()
    shares = sums[cheat]
    from steelyard.protocols import secure_sum

    original = secure_sum.packed.deal

    def crooked(secret: Any, dealer: str, *rest: Any) -> Any:
        dealing = original(secret, dealer, *rest)
        if dealer == cheat:
            for vector in dealing.explicit.values():
                vector[0] = (int(vector[0]) * 3 + 1) % (2**61 - 1)
        return dealing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secure_sum.packed, "deal", crooked)
        outcome = adders.add(brought, sums=sums)
    assert shares.attempt.me == cheat
    outcome.pop(cheat)
    assert_summed(outcome, brought, [party for party in adders.parties if party != cheat])


def test_a_dealer_sends_at_most_eight_bytes_for_a_value_and_receiver() -> None:
    adders, sent = Adders.of(5, 3), dict[tuple[str, str], int]()
    size = SLICED * 2

    def watch(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        sent[sender, round_.step] = sent.get((sender, round_.step), 0) + len(message)
        return message

    adders.add(vectors(adders, size), watch)
    overhead = 8_000
    for party in adders.parties:
        assert sent[party, "summand"] <= (5 - 3) * 8 * size + overhead
        assert sent[party, "sum"] + sent[party, "opened"] <= 2 * 8 * size + overhead
