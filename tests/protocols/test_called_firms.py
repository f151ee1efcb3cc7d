"""Firms without a node that answer a request for their ratios."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from protocols.callers import CALL, LENDER, Callers
from protocols.consortium import Consortium
from protocols.statements import SCHEMA, Books, asked, fail, statement

from steelyard.ckks import dealt
from steelyard.ckks.encoding import decode, encode
from steelyard.ckks.profiles import T
from steelyard.ckks.ratios import RATIOS
from steelyard.documents.attempt import InputSet
from steelyard.documents.request import Request
from steelyard.documents.signed import read
from steelyard.errors import Cheated, Invalid, NotFound, PartyMissing
from steelyard.functions import sealed_argument
from steelyard.functions.answered import BLOCK, PURPOSE, Carried, call_of, held_as, note_of
from steelyard.functions.question import Question
from steelyard.identity.sealing import seal, unseal
from steelyard.ids import PartyId
from steelyard.protocols.joint_decryption import collected

A, B, C = (PartyId(f"bank-{letter}") for letter in "abc")
ASKED = ("current", "roa")
X, Y = statement("firm-x", cash=61, net_income=-12), statement("firm-y", current_assets=777)


def calling(*subjects: str, called: tuple[str, ...] = ("firm-x", "firm-y"), **arguments: Any) -> Question[Any]:
    return asked("ratio", **{"ratios": ASKED, "subjects": (*subjects, *called), "called": called, **arguments})


def consortium(size: int = 3, threshold: int = 2) -> Consortium:
    return Consortium(size, threshold, minimum_group=0)


def check(figures: dict[str, Any], *rows: Any) -> None:
    firms = {each["subject"]: each for each in figures["firms"]}
    assert set(firms) == {row["firm"] for row in rows}
    for row in rows:
        for name in ASKED:
            (above,), (below,) = RATIOS[name].numerator.items, RATIOS[name].denominator.items
            assert abs(float(firms[row["firm"]]["ratios"][name]["value"]) - row[above] / row[below]) <= 1e-4


def test_figures_of_firms_without_a_node_stand_beside_those_of_owners() -> None:
    callers, question = Callers(consortium()), calling("alpha", "gamma")
    for row in (X, Y):
        callers.answers(question, row)
    books = {A: Books([statement("alpha"), statement("other")]), B: Books([statement("gamma", equity=400)])}
    figures = callers.opened(question, fail(callers.play(question, books)))
    check(figures, X, Y, statement("alpha"), statement("gamma"))
    assert {each["subject"]: each["party"] for each in figures["firms"]} == {
        "alpha": A, "gamma": B, "firm-x": "firm-x", "firm-y": "firm-y"
    }  # fmt: skip
    assert (figures["missing"], figures["balanced"]) == ([], True)


@pytest.mark.parametrize(("size", "threshold"), [(3, 2), (5, 3)])
def test_firms_without_a_node_alone_are_told_of(size: int, threshold: int) -> None:
    callers, question = Callers(consortium(size, threshold)), calling(decimals=2)
    callers.answers(question, X)
    figures = callers.opened(question, fail(callers.play(question, {C: Books([statement("alpha")])})))
    assert figures["missing"] == ["firm-y"]
    assert figures["firms"][0]["ratios"]["roa"]["value"] == "-0.01"
    assert {each["party"] for each in figures["firms"]} == {"firm-x"}


@pytest.fixture(scope="module")
def answered() -> Callers:
    """One firm has answered for itself, the other has not."""
    callers = Callers(consortium())
    callers.answers(calling(), X)
    return callers


@pytest.fixture(scope="module")
def outcome(answered: Callers) -> dict[PartyId, Any]:
    return fail(answered.play(calling(), {}))


def test_what_is_told_the_nodes_is_who_has_answered(outcome: dict[PartyId, Any]) -> None:
    for each in outcome.values():
        [brought] = read(InputSet, each.input_set).contributions
        assert (brought.party, brought.sponsor, brought.rows, brought.decimals) == ("firm-x", "analyst", 1, ())


def test_k_nodes_stand_in_and_each_of_them_is_needed(answered: Callers, outcome: dict[PartyId, Any]) -> None:
    check(answered.opened(calling(), {party: outcome[party] for party in (A, B)}), X)
    for party in (A, B):
        with pytest.raises(PartyMissing, match=party):
            answered.opened(calling(), {each: reply for each, reply in outcome.items() if each != party})


def test_without_one_stand_in_s_part_of_the_key_nothing_is_to_be_read(
    answered: Callers, outcome: dict[PartyId, Any]
) -> None:
    """Whatever k-1 nodes and the lender have: this is arithmetic, not a rule that somebody keeps."""
    circuit = calling().circuit({PartyId("firm-x"): 1})  # type: ignore[attr-defined]
    attachments = {party: each.attachment for party, each in outcome.items()}
    keys = answered.consortium.keys
    found = collected(T, "11" * 32, 2, lambda _: (A, B), attachments, circuit.scales, keys)
    whole, lacking = found.numbers((A, C)), dataclasses.replace(found, holders=(A,)).numbers((A, C))
    mine = slice(circuit.layout.start(PartyId("firm-x")), circuit.layout.entries)
    assert np.abs(whole[0][mine]).max() < 1e4
    assert np.abs(lacking[0][mine]).min() > 1e6


def test_owners_stand_in_before_others() -> None:
    question = calling("alpha")
    rows = {A: 0, B: 1, C: 0, PartyId("firm-x"): 1}
    made = question.agreed(rows, (A, B, C), 2)  # type: ignore[attr-defined]
    assert (made.stand_ins, set(made.holders)) == ((A, B), {A, B})
    assert question.agreed({A: 0, B: 1, C: 0}, (A, B, C), 2).holders == (B,)  # type: ignore[attr-defined]


@pytest.mark.parametrize("liar", [A, B])
def test_a_stand_in_that_changes_its_share_is_noticed_and_nothing_is_shown(liar: PartyId) -> None:
    callers = Callers(consortium())

    def change(party: PartyId, share: Any) -> Any:
        shifted = share.copy()
        shifted[-1] = (shifted[-1] + np.uint64(party == liar)) % np.uint64(1 << 40)
        return shifted

    callers.answers(calling(balance=False), X, change=change)
    outcome = fail(callers.play(calling(balance=False), {A: Books([statement("alpha")])}))
    with pytest.raises(Cheated, match=r"in the place of firm-x were spoilt.*suspects.*new call") as caught:
        callers.opened(calling(balance=False), outcome)
    assert {liar, "firm-x"} <= set(caught.value.suspects)


def test_a_firm_that_deals_into_another_s_place_is_a_suspect_and_its_victim_not_said_to_be_the_one() -> None:
    callers, question = Callers(consortium()), calling(balance=False)
    circuit = question.circuit({PartyId("firm-x"): 1, PartyId("firm-y"): 1})  # type: ignore[attr-defined]
    ring, start, vector = circuit.rings[0], circuit.layout.start(PartyId("firm-y")), np.zeros(circuit.layout.slots)
    vector[start : start + 5] = 1.0
    spoilt = encode(ring, vector, circuit.profile.scale).reshape(-1)
    primes = np.repeat(np.array(ring.primes, dtype=np.uint64), ring.degree)

    def change(party: PartyId, share: Any) -> Any:
        first = share.size - dealt.size(circuit, PartyId("firm-x"))
        mine = slice(first, first + spoilt.size)
        share[mine] = (share[mine] + spoilt) % primes
        return share

    callers.answers(question, X, change=change)
    callers.answers(question, Y)
    with pytest.raises(Cheated, match=r"in the place of firm-y were spoilt.*one of the suspects did it") as caught:
        callers.opened(question, fail(callers.play(question, {})))
    assert {"firm-x", "firm-y"} <= set(caught.value.suspects)


def test_a_firm_whose_note_does_not_open_is_named(answered: Callers, outcome: dict[PartyId, Any]) -> None:
    odd = Callers(answered.consortium)  # the note is sealed to another key than this lender's
    with pytest.raises(Cheated) as caught:
        odd.opened(calling(), outcome)
    assert caught.value.culprits == ("firm-x",)


def answered_note(callers: Callers) -> bytes:
    return note_of(callers.boxes[A].parcels[PartyId("firm-x")])


def with_note(
    callers: Callers, change: Callable[[bytes], bytes], at: Sequence[PartyId] = (A, B)
) -> Callable[[dict[PartyId, bytes]], dict[PartyId, bytes]]:
    """What these stand-ins pass on, had the firm written another note, which is as long."""
    note, key, bound = answered_note(callers), callers.key, sealed_argument.context(LENDER)
    written = unseal(key, note, bound)
    changed = change(written)
    assert (changed != written, len(changed)) == (True, len(written))
    other = seal(key.public_key().public_bytes_raw(), changed, bound)
    return lambda sent: {party: each.replace(note, other) if party in at else each for party, each in sent.items()}


def test_a_firm_that_answers_in_another_firm_s_name_is_named(answered: Callers, outcome: dict[PartyId, Any]) -> None:
    change = with_note(answered, lambda note: note.replace(b"firm-x", b"firm-y"))
    with pytest.raises(Cheated, match="in the name of firm-y") as caught:
        answered.opened(calling(), outcome, change=change)
    assert caught.value.culprits == ("firm-x",)


@pytest.mark.parametrize("liar", [A, B])
def test_where_notes_of_a_firm_differ_it_is_a_suspect_beside_the_nodes(
    answered: Callers, outcome: dict[PartyId, Any], liar: PartyId
) -> None:
    """One node may have changed its own; the firm may have dealt different ones."""
    with pytest.raises(Cheated, match="different notes of firm-x") as caught:
        answered.opened(calling(), outcome, change=with_note(answered, lambda note: note[::-1], at=(liar,)))
    assert set(caught.value.suspects) == {A, B, "firm-x"}


@pytest.mark.parametrize(
    "change",
    [
        lambda note: b"no note".ljust(len(note)),
        lambda note: re.sub(rb'"canaries":\[(\d)(.*?"figures":")..', rb'"canaries":[\1,\1\2', note),
        lambda note: re.sub(rb'"canaries":\[\d', rb'"canaries":[9', note),
    ],
    ids=["none", "a canary twice", "a canary elsewhere"],
)
def test_a_firm_whose_note_is_none_is_named(
    answered: Callers, outcome: dict[PartyId, Any], change: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(Cheated) as caught:
        answered.opened(calling(), outcome, change=with_note(answered, change))
    assert caught.value.culprits == ("firm-x",)


def test_a_stand_in_whose_envelope_is_none_is_named(answered: Callers, outcome: dict[PartyId, Any]) -> None:
    envelope = msgspec.msgpack.encode(Carried(b"", {"firm-x": answered_note(answered)}))

    def change(sent: dict[PartyId, bytes]) -> dict[PartyId, bytes]:
        assert envelope in sent[A]
        return {**sent, A: sent[A].replace(envelope, bytes(len(envelope)))}

    with pytest.raises(Cheated) as caught:
        answered.opened(calling(), outcome, change=change)
    assert caught.value.culprits == (A,)


def test_an_answer_to_another_call_is_worth_nothing(answered: Callers) -> None:
    with pytest.raises(NotFound, match="nobody has brought"):
        fail(answered.play(calling(), {}, call="33" * 32))
    books = {A: Books([statement("alpha")])}
    figures = answered.opened(calling("alpha"), fail(answered.play(calling("alpha"), books, call="33" * 32)))
    assert figures["missing"] == ["firm-x", "firm-y"]


@pytest.mark.parametrize("other", [{"called": ("firm-y",)}, {"balance": False}])
def test_a_block_that_is_no_answer_to_this_question_is_left_out(answered: Callers, other: dict[str, Any]) -> None:
    """A requester cannot make it so: the name of an answer is made of what it signed."""
    with pytest.raises(NotFound, match="nobody has brought"):
        fail(answered.play(calling(**other), {}))


def test_an_answer_that_not_all_nodes_hold_waits() -> None:
    callers = Callers(consortium())
    callers.answers(calling(), X, at=(A, B))
    with pytest.raises(NotFound, match="arrived everywhere"):
        fail(callers.play(calling(), {}))


def test_what_an_owner_has_of_a_firm_that_is_called_takes_the_place_of_no_answer() -> None:
    """Neither of one that has not come, nor beside one that has."""
    callers, question = Callers(consortium()), calling("alpha")
    callers.answers(question, Y)
    books = {A: Books([statement("alpha"), statement("firm-x", cash=1), statement("firm-y", cash=1)])}
    figures = callers.opened(question, fail(callers.play(question, books)))
    check(figures, Y, statement("alpha"))
    assert (figures["missing"], len(figures["firms"])) == (["firm-x"], 2)


def test_other_nodes_stand_in_where_one_is_left_out() -> None:
    callers, d = Callers(consortium(4)), PartyId("bank-d")
    callers.answers(calling(), X)
    outcome = fail(callers.play(calling(), {}, participants=(B, C, d)))
    check(callers.opened(calling(), outcome), X)
    assert PartyId("firm-x") in callers.boxes[B].held(held_as(CALL), PURPOSE)  # until the computation has ended


def test_what_k_nodes_could_open_is_the_rounded_figures_times_random_numbers() -> None:
    """Everything a firm deals, put together: no more digits than were asked for, and no item of its statement."""
    callers, question = Callers(consortium()), calling(decimals=1)
    callers.answers(question, X)
    firm, circuit = PartyId("firm-x"), question.circuit({PartyId("firm-x"): 1})  # type: ignore[attr-defined]
    points = {party: callers.consortium.points[party] for party in (B, C)}
    parts = [
        dealt.part(circuit, firm, callers.boxes[party].parcels[firm].layers()[BLOCK], points, party) for party in points
    ]
    plan, profile = circuit.profile.plan, circuit.profile
    above, below = (
        decode(circuit.rings[at], circuit.rings[at].total([each[at] for each in parts]), profile.scale)
        for at in circuit.places(firm)[:2]
    )
    start = circuit.layout.start(firm)
    mine = slice(start, start + 5 * len(ASKED))
    found = (above[mine] / below[mine] * (plan.denominator / plan.numerator)).reshape(5, 2)
    rounded = [round(X["current_assets"] / X["current_liabilities"], 1), round(X["net_income"] / X["total_assets"], 1)]
    assert any(np.allclose(row, rounded, atol=1e-9) for row in found)
    assert not np.delete(above, np.arange(mine.start, mine.stop)).round(6).any()


def test_a_firm_is_not_answered_for_by_a_party_of_the_manifest() -> None:
    callers = Callers(consortium())
    question = calling("alpha", called=("bank-a",))
    with pytest.raises(Invalid, match="without a node"):
        fail(callers.play(question, {A: Books([statement("alpha")])}))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"subjects": ("alpha",)}, "among the subjects"),
        ({"called": ("firm-x", "firm-x"), "subjects": ("firm-x",)}, "each once"),
        ({"where": "year > 2020"}, "condition"),
        ({"called": ()}, "arguments of ratio are wrong"),
    ],
)
def test_calls_that_make_no_sense_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        asked("ratio", **{"ratios": ASKED, "subjects": ("firm-x",), "called": ("firm-x",), **arguments})


def test_benchmarks_call_nobody() -> None:
    with pytest.raises(Invalid, match="benchmark"):
        asked("benchmark", subject="firm-x", ratio="roa", subjects=("firm-x",), called=("firm-x",))


def test_a_firm_sees_its_figures_and_answers_for_itself_alone() -> None:
    callers, question = Callers(consortium()), calling(year=2023, decimals=3)
    call = callers.call(question)
    decimals = {each.name: each.decimals for each in SCHEMA.columns}
    rows = [statement("firm-x", 2023, net_income=51), statement("firm-x")]
    found = call.answer(PartyId("firm-x"), Books(rows), decimals)
    assert found.told == {"ratios": {"current": {"value": "1.600"}, "roa": {"value": "0.051"}}}
    with pytest.raises(NotFound, match="no statement of firm-x"):
        call.answer(PartyId("firm-x"), Books(rows[1:]), decimals)
    with pytest.raises(Invalid, match="does not ask firm-z"):
        call.answer(PartyId("firm-z"), Books([statement("firm-z", 2023)]), decimals)
    with pytest.raises(Invalid, match="does not balance"):
        call.answer(PartyId("firm-x"), Books([statement("firm-x", 2023, equity=1)]), decimals)


REQUEST = Request(
    computation="ab" * 16,
    manifest="22" * 32,
    requester="lender",
    function="ratio",
    arguments={"ratios": list(ASKED), "decimals": 2, "year": 2023, "called": ["firm-x"]},
    purpose="credit",
    created_ms=1,
    expires_ms=2,
)


def test_a_call_stays_the_same_when_its_request_is_made_again() -> None:
    assert call_of(replace(REQUEST, computation="cd" * 16, created_ms=9)) == call_of(REQUEST)


@pytest.mark.parametrize(
    "other",
    [
        {"arguments": {**REQUEST.arguments, "decimals": 4}},
        {"arguments": {**REQUEST.arguments, "ratios": ["roa"]}},
        {"arguments": {**REQUEST.arguments, "year": 2022}},
        {"arguments": {**REQUEST.arguments, "called": ["firm-x", "firm-y"]}},
        {"requester": "rival"},
        {"manifest": "33" * 32},
        {"function": "score"},
        {"purpose": "marketing"},
        {"expires_ms": 3},
    ],
    ids=str,
)
def test_who_asks_anything_else_has_made_another_call(other: dict[str, Any]) -> None:
    assert call_of(replace(REQUEST, **other)) != call_of(REQUEST)
