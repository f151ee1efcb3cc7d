"""Ratios of encrypted statements, from every party's rows to the requester's figures."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from protocols.consortium import Consortium
from protocols.statements import Books, ask, asked, fail, opened, play, statement

from steelyard.ckks.profiles import S, T
from steelyard.ckks.ratios import RATIOS
from steelyard.errors import Cheated, Invalid, Malformed, NotFound, PartyMissing, SteelyardError
from steelyard.functions.computation import ResultShare
from steelyard.functions.question import Question
from steelyard.functions.statements import OfStatements
from steelyard.ids import PartyId
from steelyard.protocols.encrypted_inputs import split

A, B, C, D = (PartyId(f"bank-{letter}") for letter in "abcd")
ALL = (*RATIOS, "dupont")


def plain(name: str, row: Any) -> float:
    ratio = RATIOS[name]
    above = sum(-row[each[1:]] if each.startswith("-") else row[each] for each in ratio.numerator.items)
    return above / row[ratio.denominator.items[0]]


@pytest.fixture(scope="module")
def consortium() -> Consortium:
    return Consortium(3, 2)


@pytest.fixture(scope="module")
def rows() -> dict[PartyId, list[Any]]:
    return {
        A: [statement("alpha"), statement("alpha", 2023, cash=51), statement("beta", total_liabilities=1300)],
        B: [statement("gamma", interest_expense=0, net_income=-333, total_assets=7_777_777_777)],
    }


@pytest.fixture(scope="module")
def question() -> Question[Any]:
    return asked("ratio", ratios=ALL)


@pytest.fixture(scope="module")
def outcome(
    consortium: Consortium, question: Question[Any], rows: dict[PartyId, list[Any]]
) -> dict[PartyId, ResultShare]:
    """Of a bank with two firms, one with one firm, and one without any data."""
    return fail(play(consortium, question, {party: Books(each) for party, each in rows.items()}))


def test_every_ratio_is_the_plain_quotient_within_the_bound(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare], rows: dict[PartyId, list[Any]]
) -> None:
    figures = opened(consortium, question, outcome)
    firms = {each["subject"]: each for each in figures["firms"]}
    truth = {"alpha": rows[A][0], "beta": rows[A][2], "gamma": rows[B][0]}
    assert set(firms) == set(truth)
    compared = 0
    for firm, row in truth.items():
        for name in RATIOS:
            found = firms[firm]["ratios"][name]
            if found["value"] is not None:
                assert abs(float(found["value"]) - plain(name, row)) <= 1e-4
                compared += 1
    assert compared >= 3 * len(RATIOS) - 2
    assert float(figures["error_bound"]) <= 1e-4


def test_negative_equity_gives_a_negative_ratio(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    beta = next(each for each in opened(consortium, question, outcome)["firms"] if each["subject"] == "beta")
    assert float(beta["ratios"]["debt_to_equity"]["value"]) == pytest.approx(-1300 / 300, abs=1e-4)


def test_division_by_zero_is_undefined_and_what_is_beyond_the_cap_is_no_number(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    gamma = next(each for each in opened(consortium, question, outcome)["firms"] if each["subject"] == "gamma")
    assert gamma["ratios"]["interest_cover"] == {"value": None, "reason": "undefined"}
    figures = ask(
        consortium,
        asked("ratio", ratios=("current", "cash"), balance=False),
        {A: Books([statement("huge", current_assets=10**9, current_liabilities=1)]), B: Books([statement("b")])},
    )
    huge = next(each for each in figures["firms"] if each["subject"] == "huge")
    assert huge["ratios"]["current"] == {"value": None, "reason": "beyond the range"}
    assert float(huge["ratios"]["cash"]["value"]) == pytest.approx(50, abs=1e-4)


def test_dupont_shows_its_parts(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    alpha = next(each for each in opened(consortium, question, outcome)["firms"] if each["subject"] == "alpha")
    parts = {name: float(each["value"]) for name, each in alpha["ratios"]["dupont"].items()}
    product = parts["net_margin"] * parts["asset_turnover"] * parts["equity_multiplier"]
    assert product == pytest.approx(parts["roe"], abs=1e-3)


def test_subjects_and_the_year_are_chosen(consortium: Consortium, rows: dict[PartyId, list[Any]]) -> None:
    question = asked("ratio", ratios=("cash",), subjects=("alpha", "nobody"), year=2023)
    figures = ask(consortium, question, {party: Books(each) for party, each in rows.items()})
    assert [(each["subject"], each["year"]) for each in figures["firms"]] == [("alpha", 2023)]
    assert figures["missing"] == ["nobody"]
    assert float(figures["firms"][0]["ratios"]["cash"]["value"]) == pytest.approx(51 / 250, abs=1e-4)


def test_firms_that_nobody_has_are_not_found(consortium: Consortium, rows: dict[PartyId, list[Any]]) -> None:
    with pytest.raises(NotFound, match="no party holds"):
        ask(consortium, asked("ratio", ratios=("cash",), subjects=("x",)), {p: Books(r) for p, r in rows.items()})


def test_a_statement_that_does_not_balance_is_refused_by_its_owner(consortium: Consortium) -> None:
    books = {A: Books([statement("a", equity=401)]), B: Books([statement("b")])}
    with pytest.raises(Invalid, match="does not balance"):
        ask(consortium, asked("ratio", ratios=("roa",)), books)


def test_one_that_is_encrypted_out_of_balance_is_found_out_by_the_requester(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steelyard.ckks.statements.Statements.check_balance", lambda self: None)
    books = {A: Books([statement("a", equity=410)]), B: Books([statement("b")])}
    with pytest.raises(Cheated, match="does not balance as encrypted"):
        ask(consortium, asked("ratio", ratios=("roa",)), books)


def test_a_second_statement_of_the_same_year_is_refused(consortium: Consortium) -> None:
    books = {A: Books([statement("a"), statement("a")]), B: Books([statement("b")])}
    with pytest.raises(Invalid, match="second statement"):
        ask(consortium, asked("ratio", ratios=("roa",)), books)


@pytest.mark.parametrize("names", [(), ("current", "current"), ("curent",)])
def test_ratios_that_are_none_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        asked("ratio", ratios=names)


def test_without_an_owners_part_nothing_is_decrypted(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    for owner in (A, B):
        with pytest.raises(PartyMissing, match=f"{owner} has not sent its part of the key"):
            opened(consortium, question, {party: each for party, each in outcome.items() if party != owner})


def test_any_committee_of_k_decrypts_with_the_owners(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    assert opened(consortium, question, {party: outcome[party] for party in (A, B)})["firms"]


def test_parts_for_another_request_are_refused(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    with pytest.raises(Cheated, match="of another request"):
        opened(consortium, question, outcome, request="22" * 32)


def test_parts_of_two_attempts_do_not_go_together(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare], rows: dict[PartyId, list[Any]]
) -> None:
    again = fail(play(consortium, question, {party: Books(each) for party, each in rows.items()}))
    with pytest.raises(Cheated, match="not of one evaluation"):
        opened(consortium, question, outcome, lambda each: {**each, C: again[C].attachment})


def test_a_wrong_part_of_an_owner_shows_in_the_figures(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    def change(attachments: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        data = bytearray(attachments[A])
        data[len(data) // 2] ^= 1  # in the owner's part
        return {**attachments, A: bytes(data)}

    with pytest.raises(Cheated, match="were spoilt") as caught:
        opened(consortium, question, outcome, change)
    assert caught.value.suspects == (A, B)  # whoever's part is in every committee: an owner's


@pytest.mark.parametrize("liar", [A, C])
def test_a_wrong_part_for_the_committee_is_left_out_and_its_sender_named(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare], liar: PartyId
) -> None:
    def change(attachments: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        data = bytearray(attachments[liar])
        data[-(1 << 17)] ^= 1  # in the committee's part of the last result, or of the only one
        return {**attachments, liar: bytes(data)}

    right, found = opened(consortium, question, outcome), opened(consortium, question, outcome, change)
    assert found["culprits"] == (liar,)
    assert found["firms"] == right["firms"]
    assert right["culprits"] == ()


def test_with_parts_of_k_nodes_alone_any_of_them_may_be_wrong(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    def change(attachments: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        data = bytearray(attachments[B])
        data[-8] ^= 1
        return {**attachments, B: bytes(data)}

    with pytest.raises(Cheated) as caught:
        opened(consortium, question, {party: outcome[party] for party in (A, B)}, change)
    assert set(caught.value.suspects) == {A, B}


def test_other_results_than_those_evaluated_are_noticed_and_blamed(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    def change(attachments: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        data = bytearray(attachments[A])
        data[len(data) // 8] ^= 1  # in the first result
        return {**attachments, A: bytes(data)}

    with pytest.raises(Cheated, match="other results") as caught:
        opened(consortium, question, outcome, change)
    assert caught.value.culprits == (A,)


def test_a_party_that_has_not_signed_the_evaluation_is_noticed(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    consortium = replace_key(consortium, B)
    with pytest.raises(Cheated, match="bank-b has not signed"):
        opened(consortium, question, outcome)


def replace_key(consortium: Consortium, party: PartyId) -> Consortium:
    """The same parties, of whom one has another signing key."""
    other = copy(consortium)
    other.keys = {**consortium.keys, party: Ed25519PrivateKey.generate().public_key()}
    return other


def test_an_attachment_that_is_cut_off_is_refused(
    consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]
) -> None:
    with pytest.raises(Malformed, match="wrong length"):
        opened(consortium, question, outcome, lambda each: {**each, A: each[A][:-8]})


def failing(consortium: Consortium, step: str, place: int) -> list[SteelyardError]:
    """What the nodes end with when one bit of what bank-a sends bank-b in this step is another."""

    def tamper(sender: PartyId, receiver: PartyId, round_: Any, message: Any) -> Any:
        if (sender, receiver, round_.step) != (A, B, step):
            return message
        data = bytearray(message)
        data[place] ^= 1
        return data

    books = {party: Books([statement(party)]) for party in (A, B, C)}
    outcome = play(consortium, asked("ratio", ratios=("roa",)), books, tamper)
    return [each for each in outcome.values() if isinstance(each, SteelyardError)]


def test_a_key_that_is_not_the_one_committed_to_is_refused(consortium: Consortium) -> None:
    errors = failing(consortium, "key", 1 << 20)
    assert [each.culprits for each in errors if isinstance(each, Cheated)] == [(A,)]


def test_a_ciphertext_that_its_owner_did_not_sign_is_refused(consortium: Consortium) -> None:
    errors = failing(consortium, "encrypted inputs", 1 << 20)
    assert [each.culprits for each in errors if isinstance(each, Malformed)] == [(A,)]


def test_who_tells_two_nodes_different_parts_of_the_key_makes_no_other_look_guilty(consortium: Consortium) -> None:
    """A changed second step of the key gives bank-b another relinearisation key than the others."""
    errors = failing(consortium, "key shares", 1 << 20)
    assert errors
    for each in errors:
        assert isinstance(each, Cheated)
        assert "different keys" in each.message
        assert each.culprits == ()
        assert len(each.suspects) == 2


def test_a_ciphertext_of_another_profile_or_level_is_refused(consortium: Consortium) -> None:
    rings = asked("ratio", ratios=("roa",)).circuit({A: 1}).rings  # type: ignore[attr-defined]
    sizes = sum(2 * ring.size for ring in rings)
    for other in (S.fresh.size * 2 * len(rings), sizes - T.fresh.size, sizes + 8):
        with pytest.raises(Malformed, match="not of this profile"):
            split(rings, memoryview(bytes(other)))
    with pytest.raises(Malformed, match="corrupted"):
        split(rings, memoryview(b"\xff" * sizes))


def test_an_amount_of_a_statement_that_is_beyond_what_a_column_holds_wraps_nowhere(consortium: Consortium) -> None:
    most = (1 << 52) // 100
    books = {A: Books([statement("a", total_assets=most, total_liabilities=1 - most)]), B: Books([statement("b")])}
    [first, _] = ask(consortium, asked("ratio", ratios=("debt_to_equity", "roa")), books)["firms"]
    assert float(first["ratios"]["debt_to_equity"]["value"]) == pytest.approx((1 - most) / (2 * most - 1), abs=1e-4)
    assert first["ratios"]["roa"]["value"] == "0.0000"


@pytest.mark.parametrize("decimals", [0, 2])
def test_no_more_decimals_than_asked_for_ever_leave_an_owner(
    consortium: Consortium, decimals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the requester can fuse, before it rounds, is the rounded figure and noise."""
    seen: list[float] = []
    original = OfStatements._firms

    def watched(self: Any, circuit: Any, numbers: Any, party: Any, labels: Any) -> Any:
        taken = circuit.layout.taken(party, numbers[: circuit.layout.batches])
        seen.extend(taken[place, 0] for place, (name, *_) in enumerate(labels.firms) if name == "a")
        return original(self, circuit, numbers, party, labels)

    monkeypatch.setattr(OfStatements, "_firms", watched)
    books = {A: Books([statement("a", total_liabilities=612, total_assets=997)]), B: Books([statement("b")])}
    ask(consortium, asked("ratio", ratios=("debt_ratio",), decimals=decimals), books)
    assert abs(seen[0] - round(612 / 997, decimals)) < 5e-5


def test_an_evaluation_that_differs_is_not_signed(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    from steelyard.ckks.circuit import Circuit

    original, calls = Circuit.evaluated, []

    def other(self: Circuit, *arguments: Any) -> Any:
        results = original(self, *arguments)
        calls.append(1)
        return [each + each for each in results] if len(calls) == 1 else results

    monkeypatch.setattr(Circuit, "evaluated", other)
    outcome = play(consortium, asked("ratio", ratios=("roa",)), {p: Books([statement(p)]) for p in (A, B, C)})
    assert all(isinstance(each, Cheated) and len(each.suspects) == 2 for each in outcome.values())


def test_the_note_to_the_requester_is_not_seen_by_other_nodes(
    outcome: dict[PartyId, ResultShare],
) -> None:
    name = b'"alpha"'  # without the quotes, one run in 10^6 finds it in random numbers
    assert name in outcome[A].attachment
    assert all(name not in each.attachment for party, each in outcome.items() if party != A)


def test_no_message_between_nodes_names_a_firm(consortium: Consortium) -> None:
    seen: list[bytes] = []

    def watch(sender: PartyId, receiver: PartyId, round_: Any, message: Any) -> Any:
        seen.append(bytes(message))
        return message

    books = {party: Books([statement(f"firm-of-{party}")]) for party in (A, B, C)}
    fail(play(consortium, asked("ratio", ratios=("roa",)), books, watch))
    assert not any(b"firm-of" in each for each in seen)


def test_several_committees_and_all_of_all() -> None:
    for size, threshold in ((4, 2), (3, 3)):
        consortium = Consortium(size, threshold)
        books = {party: Books([statement(party)]) for party in consortium.parties}
        figures = ask(consortium, asked("ratio", ratios=("roa",)), books)
        assert [each["ratios"]["roa"]["value"] for each in figures["firms"]] == ["0.0750"] * size


def test_figures_are_json(consortium: Consortium, question: Question[Any], outcome: dict[PartyId, ResultShare]) -> None:
    assert json.loads(json.dumps(opened(consortium, question, outcome)))["balanced"] is True


def test_thousands_of_firms_take_several_batches() -> None:
    consortium, count = Consortium(2, 2), 3_000
    made = {party: [statement(f"f{i}-{party}", cash=i) for i in range(count)] for party in consortium.parties}
    question = asked("ratio", ratios=("cash", "roa"))
    figures = ask(consortium, question, {party: Books(each) for party, each in made.items()})
    found = np.array([float(each["ratios"]["cash"]["value"]) for each in figures["firms"]])
    expected = {row["firm"]: row["cash"] / row["current_liabilities"] for each in made.values() for row in each}
    truth = np.array([expected[each["subject"]] for each in figures["firms"]])
    assert len(found) == 2 * count
    assert np.abs(found - truth).max() <= 1e-4


def test_more_than_a_node_can_hold_is_refused_before_anything_is_encrypted(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steelyard.functions.statements.MAX_INPUTS", 1 << 20)
    with pytest.raises(Invalid, match="name fewer firms"):
        ask(consortium, asked("ratio", ratios=("roa",)), {p: Books([statement(p)]) for p in (A, B)})
