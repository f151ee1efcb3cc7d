"""Totals of inputs: right results, for every shape, and who is told what when somebody misbehaves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.consortium import Consortium, question

from steelyard.errors import Cheated, Failed, GroupTooSmall, Invalid, NotFound, SteelyardError
from steelyard.field import P, Vector, add, from_bytes, to_bytes, to_signed, uniform
from steelyard.functions.computation import ResultShare
from steelyard.ids import PartyId
from steelyard.randomness import SystemRandomness
from steelyard.rounds import Round, run_locally
from steelyard.sharing import seeded
from steelyard.sharing.attempt_keys import AttemptKeys
from steelyard.sharing.robust import open_robustly


def opened(consortium: Consortium, outcome: dict[PartyId, ResultShare | SteelyardError]) -> list[int]:
    shares = {party: share.share for party, share in outcome.items() if isinstance(share, ResultShare)}
    return to_signed(open_robustly(shares, consortium.points, consortium.threshold).value).tolist()


def balances(consortium: Consortium, *values: int, rows: int = 5) -> dict[PartyId, dict[str, list[int]]]:
    parties = consortium.parties[: len(values)]
    return {party: {"sum": [value], "count": [rows]} for party, value in zip(parties, values, strict=True)}


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_total_is_exact_for_every_number_of_nodes_and_threshold(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 7))
    consortium = Consortium(size, data.draw(st.integers(2, size)))
    values = data.draw(st.lists(st.integers(-(2**55), 2**55), min_size=size, max_size=size))
    outcome = run_locally(consortium.totals(question(), balances(consortium, *values)))
    assert opened(consortium, outcome) == [sum(values)]


def test_the_notebooks_four_banks_total_17_500_exactly() -> None:
    consortium = Consortium(4, 2)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 10_000_00, 1_500_00, 1_000_00, 5_000_00)))
    assert opened(consortium, outcome) == [17_500_00]


def test_a_node_without_the_dataset_takes_part_without_contributing() -> None:
    consortium = Consortium(4, 2)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3)))
    assert opened(consortium, outcome) == [6]
    assert consortium.ledgers[consortium.parties[3]].entered[0].parties == consortium.parties[:3]


def test_without_any_contributor_the_dataset_is_not_found() -> None:
    consortium = Consortium(3, 2)
    assert all(isinstance(each, NotFound) for each in run_locally(consortium.totals(question(), {})).values())


def test_fewer_contributors_than_one_owner_insists_on_are_refused_by_everybody() -> None:
    consortium = Consortium(4, 2, minimum_group=4)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3)))
    assert all(isinstance(each, GroupTooSmall) for each in outcome.values())


def test_cells_over_too_few_rows_leave_no_share_behind() -> None:
    consortium = Consortium(3, 2, minimum_rows=10)
    asked = question(group_by="segment", groups=("retail", "public"))
    inputs = {party: {"sum": [100, 7], "count": [4, 1]} for party in consortium.parties}
    outcome = run_locally(consortium.totals(asked, inputs))
    assert all(each.suppressed == (1,) and len(each.share) == 1 for each in outcome.values())
    assert opened(consortium, outcome) == [300]


def test_text_that_is_not_utf_8_is_malformed_and_names_its_sender() -> None:
    consortium = Consortium(3, 2)
    villain = consortium.parties[0]

    def garble(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        return b'{"kind":"\xff"}' if sender == villain and round_.step == "hello" else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3)), garble)
    assert all(outcome[party].culprits == (villain,) for party in consortium.parties[1:])


def test_a_cell_in_which_too_few_parties_have_rows_leaves_no_share_behind() -> None:
    consortium = Consortium(4, 2, minimum_group=3)
    asked = question(group_by="branch", groups=("everywhere", "only ours"))
    inputs = {party: {"sum": [100, 0], "count": [50, 0]} for party in consortium.parties}
    inputs[consortium.parties[0]] = {"sum": [100, 9_999], "count": [50, 50]}
    outcome = run_locally(consortium.totals(asked, inputs))
    assert all(each.suppressed == (1,) for each in outcome.values())
    assert opened(consortium, outcome) == [400]


def test_a_negative_row_count_does_not_escape_suppression() -> None:
    consortium = Consortium(3, 2, minimum_rows=10)
    inputs = {party: {"sum": [100], "count": [-50]} for party in consortium.parties}
    assert all(each.suppressed == (0,) for each in run_locally(consortium.totals(question(), inputs)).values())


def test_an_input_that_could_overflow_the_aggregate_is_refused_before_anything_is_dealt() -> None:
    consortium = Consortium(3, 2)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 2**59 // 3, 0, 0)))
    assert isinstance(outcome[consortium.parties[0]], Invalid)
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_once_the_quorum_has_signed_any_k_shares_are_the_result() -> None:
    consortium = Consortium(4, 2)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)))
    for survivors in combinations(consortium.parties, 2):
        assert opened(consortium, {party: outcome[party] for party in survivors}) == [10]


@pytest.mark.parametrize(("dead", "finishes"), [(0, True), (1, False)])
def test_suppression_is_decided_only_on_an_opening_that_would_show_a_lie(dead: int, finishes: bool) -> None:
    consortium = Consortium(4, 3, minimum_rows=2)  # too few nodes to compare: the counts are opened
    gone = consortium.parties[4 - dead :]

    def dies_after_voting(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes | None:
        return None if round_.step == "rows" and sender in gone else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)), dies_after_voting)
    assert all(isinstance(outcome[party], ResultShare) == finishes for party in consortium.parties[: 4 - dead])


def test_a_contributor_that_declares_other_bounds_makes_another_input_set_and_other_noise() -> None:
    asked, entered = question(epsilon="1"), []
    for bound in (10_000_00, 10_100_00):
        consortium = Consortium(3, 2)
        honest = consortium.offer
        consortium.offer = lambda contributes=True, honest=honest, bound=bound: honest(contributes, bounds=(bound,))  # type: ignore[method-assign]
        inputs = {party: {"sum": [100]} for party in consortium.parties}
        run_locally(consortium.totals(asked, inputs))
        entered.append(consortium.ledgers[consortium.parties[0]].entered[0].identity)
    assert entered[0] != entered[1]


def test_the_keys_of_an_attempt_are_erased_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    erased: list[int] = []
    original = AttemptKeys.erase
    monkeypatch.setattr(AttemptKeys, "erase", lambda keys: (erased.append(id(keys)), original(keys))[1])
    consortium = Consortium(3, 2)
    run_locally(consortium.totals(question(), balances(consortium, 2**59 // 3, 0, 0)))
    assert len(set(erased)) == 3


def test_without_a_quorum_of_votes_no_share_leaves() -> None:
    consortium = Consortium(4, 2)

    def silent(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes | None:
        return None if round_.step == "vote" and sender in consortium.parties[2:] else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)), silent)
    assert isinstance(outcome[consortium.parties[0]], Failed)
    assert isinstance(outcome[consortium.parties[1]], Failed)


@pytest.mark.parametrize("step", ["hello", "deal", "check"])
@pytest.mark.parametrize("how", ["empty", "truncated", "flipped", "random"])
def test_a_garbled_message_ends_the_attempt_and_blames_nobody_honest(step: str, how: str) -> None:
    consortium = Consortium(4, 2)
    villain = consortium.parties[1]

    def garble(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        if sender != villain or round_.step != step:
            return message
        flipped = bytearray(message)
        flipped[len(flipped) // 2] ^= 1
        return {"empty": b"", "truncated": message[:-1], "flipped": bytes(flipped), "random": bytes(len(message))}[how]

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)), garble)
    errors = [each for party, each in outcome.items() if party != villain and isinstance(each, Cheated)]
    assert errors
    for error in errors:
        assert set(error.culprits) <= {villain}
        assert error.culprits or villain in error.suspects


@pytest.mark.parametrize("step", ["vote", "rows"])
def test_after_the_inputs_are_fixed_one_garbled_message_counts_as_absent(step: str) -> None:
    consortium = Consortium(4, 2, minimum_rows=2)
    villain = consortium.parties[1]

    def garble(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        return message[:-1] if sender == villain and round_.step == step else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)), garble)
    honest = {party: share for party, share in outcome.items() if party != villain}
    assert opened(consortium, honest) == [10]


def test_a_garbled_vote_that_is_needed_ends_the_attempt() -> None:
    consortium = Consortium(3, 2)
    villain = consortium.parties[1]

    def garble(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        return bytes(len(message)) if sender == villain and round_.step == "vote" else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3)), garble)
    assert all(villain in outcome[party].suspects for party in consortium.parties if party != villain)


def test_a_dealer_of_points_on_no_polynomial_is_found_out_before_any_use(monkeypatch: pytest.MonkeyPatch) -> None:
    consortium = Consortium(5, 2)
    villain, honest_deal = consortium.parties[0], seeded.deal

    def one_wrong_element(secret: Vector, dealer: PartyId, *rest: object) -> seeded.Dealing:
        dealing = honest_deal(secret, dealer, *rest)
        if dealer == villain:
            victim = sorted(dealing.explicit)[0]
            dealing.explicit[victim] = add(dealing.explicit[victim], np.eye(1, len(secret), dtype=np.uint64)[0])
        return dealing

    monkeypatch.setattr(seeded, "deal", one_wrong_element)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4, 5)))
    for error in outcome.values():
        assert isinstance(error, Cheated)
        assert "not a sharing" in error.message
        assert villain in error.suspects
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_a_dealer_of_too_high_a_degree_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    consortium = Consortium(7, 2)
    villain, honest_deal = consortium.parties[0], seeded.deal

    def random_points(secret: Vector, dealer: PartyId, *rest: object) -> seeded.Dealing:
        dealing = honest_deal(secret, dealer, *rest)
        if dealer == villain:
            for party in dealing.explicit:
                dealing.explicit[party] = uniform(SystemRandomness(), len(secret))
        return dealing

    monkeypatch.setattr(seeded, "deal", random_points)
    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4, 5, 6, 7)))
    assert all(error.culprits == (villain,) for error in outcome.values())


def test_a_holder_that_lies_about_every_dealing_is_named() -> None:
    consortium = Consortium(5, 2)
    villain = consortium.parties[4]

    def lie(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        if sender != villain or round_.step != "check":
            return message
        values = from_bytes(message[-5 * 3 * 8 :], 15)
        return message[: -5 * 3 * 8] + to_bytes((values + np.uint64(1)) % np.uint64(P))

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4, 5)), lie)
    assert all(outcome[party].culprits == (villain,) for party in consortium.parties[:4])


def test_a_holder_that_lies_about_row_counts_is_corrected_where_there_are_enough_nodes() -> None:
    consortium = Consortium(4, 2, minimum_rows=10)
    villain = consortium.parties[3]

    def lie(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        return to_bytes(np.array([12345], dtype=np.uint64)) if sender == villain and round_.step == "rows" else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4, rows=2)), lie)
    assert all(outcome[party].suppressed == (0,) for party in consortium.parties[:3])


def test_nodes_that_were_asked_different_things_find_out_in_the_first_round() -> None:
    consortium = Consortium(3, 2)
    protocols = consortium.totals(question(), balances(consortium, 1, 2, 3))
    asked_otherwise = Consortium(3, 2)
    asked_otherwise.signing, asked_otherwise.keys = consortium.signing, consortium.keys
    victim = consortium.parties[2]
    original = asked_otherwise.attempt
    asked_otherwise.attempt = lambda me, participants=(): original(me, participants, request="99" * 32)  # type: ignore[method-assign]
    protocols[victim] = asked_otherwise.totals(question(), balances(consortium, 1, 2, 3))[victim]
    outcome = run_locally(protocols)
    assert all(isinstance(each, Cheated) and "coordinator" in each.suspects for each in outcome.values())


def test_the_transcripts_shape_does_not_depend_on_the_inputs() -> None:
    def shape(*values: int) -> list[tuple[str, str, str, int]]:
        consortium, seen = Consortium(3, 2, minimum_rows=2), []

        def watch(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
            seen.append((sender, receiver, round_.step, len(message)))
            return message

        run_locally(consortium.totals(question(), balances(consortium, *values)), watch)
        return seen

    assert shape(0, 0, 0) == shape(2**50, -(2**50), 1)


def test_what_travels_never_contains_an_input() -> None:
    consortium, marker, seen = Consortium(3, 2), 0x0123_4567_89AB_CD, bytearray()

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        seen.extend(message)
        return message

    run_locally(consortium.totals(question(), balances(consortium, marker, marker, marker)), watch)
    assert marker.to_bytes(8, "little") not in seen
    assert str(marker).encode() not in seen
