"""A round of set-off as nodes run it: what firms say goes in, every firm's notice and the totals come out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.clubs import Club, States, debts

from steelyard.errors import Cheated, Failed, GroupTooSmall, Invalid
from steelyard.functions.notices import Part, parts_of, put_together, sealed_parts
from steelyard.identity.keys import public_hex
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.rounds import Fork
from steelyard.setoff.book import Book
from steelyard.setoff.generator import Preset, generate
from steelyard.setoff.network import FULL
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.reference import optimum, worth
from steelyard.setoff.statement import MOST, Statement
from steelyard.setoff.terms import Terms

MODES = pytest.mark.parametrize("mode", ["sealed", "skeleton"])
TRIANGLE = debts(("A", "B", 100), ("B", "C", 70), ("C", "A", 90), ("A", "C", 5), ("D", "A", 40))


def played(obligations: list[Obligation], mode: str = "sealed", **arguments: Any) -> tuple[Club, Any]:
    club = Club.of(obligations, mode)
    club.all_say(obligations)
    return club, club.clear(**{"steps": 20, **arguments})


@MODES
def test_every_firm_is_told_its_own_part_and_the_requester_the_totals(mode: str) -> None:
    _, found = played(TRIANGLE, mode)
    assert found.cleared() == {"1": 70, "2": 70, "3": 75, "4": 5, "5": 0}
    shown = found.figures
    assert (shown["total"], shown["cleared"], shown["remaining"]) == (305, 220, 85)
    assert (shown["firms"], shown["firms_with_setoff"], shown["certified_share"]) == (4, 3, 1.0)
    assert shown["nid_before"] == shown["nid_after"] == 40 + 15
    assert shown["mode"] == mode


def test_rows_that_fill_up_count_among_those_a_round_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """One firm with 8 rows, nine with 4: 88 on both sides, and 8 more for two who are filled up beside it."""
    lines = debts(*((f"F{number}", "F0", 5) for number in range(1, 10)))[:8] + debts(("F8", "F9", 1))
    club = Club.of(lines, "skeleton", minimum_group=3)
    club.all_say(lines)
    assert sorted(each.rows for each in club.said.values()) == [4] * 9 + [8]
    monkeypatch.setattr("steelyard.functions.set_off.MOST_ROWS", 95)
    with pytest.raises(Invalid, match="at most 95 rows, these 96"):
        club.clear(steps=2)


@pytest.mark.parametrize(("size", "threshold"), [(4, 2), (5, 3)])
def test_it_is_the_same_on_other_committees(size: int, threshold: int) -> None:
    club = Club.of(TRIANGLE, size=size, threshold=threshold)
    club.all_say(TRIANGLE)
    assert club.clear(steps=20).cleared() == {"1": 70, "2": 70, "3": 75, "4": 5, "5": 0}


@MODES
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_cleared_balances_and_is_certified_truly(mode: str, seed: int) -> None:
    obligations = generate(Preset(7, 18), seed)
    _, found = played(obligations, mode, steps=30)
    cleared = found.cleared()  # every notice has passed its own check: balances, bounds
    by_id = {each.id: each for each in obligations}
    assert all(isinstance(amount, int) and 0 <= amount <= by_id[id].amount for id, amount in cleared.items())
    network = Book.of(obligations).network
    best = worth(network, optimum(network)) // FULL
    shown = found.figures
    assert sum(cleared.values()) == shown["cleared"] <= best
    assert shown["certified_share"] * best <= shown["cleared"] + 1e-9 * best


def test_other_keys_open_no_notice_and_parts_are_for_one_firm_only() -> None:
    club, found = played(TRIANGLE)
    with pytest.raises(Cheated, match="could be opened"):
        found.told("A", X25519PrivateKey.generate())
    with pytest.raises(Cheated, match="could be opened"):
        found.told("A", club.keys["B"])


def test_a_part_for_another_firm_or_with_another_signature_is_left_out() -> None:
    club, found = played(TRIANGLE)
    parts = found.parts()
    keys, points = club.consortium.keys, club.consortium.points
    mine = dict(parts["a"])
    mine[PartyId("bank-b")] = parts["b"][PartyId("bank-b")]

    def opened(key: str) -> Any:
        return put_together("a", mine, keys, points, 2, lambda sealed, bound: unseal(club.keys[key], sealed, bound))

    told = opened("A")
    assert told.nodes == ("bank-a", "bank-c")
    assert not told.verified
    mine[PartyId("bank-c")] = mine[PartyId("bank-a")]
    with pytest.raises(Failed):  # one share opens nothing
        opened("A")


def test_fewer_nodes_than_the_threshold_forge_no_notice_whatever_they_sign() -> None:
    club = Club.of(TRIANGLE, size=5, threshold=3)
    club.all_say(TRIANGLE)
    parts = club.clear(steps=1).parts()["a"]
    liars, honest = club.consortium.parties[:2], club.consortium.parties[2]
    values = np.array([7, 7], dtype=np.uint64)
    forged = {
        party: parts_of({
            party: sealed_parts(
                replace(club.consortium.attempt(party), threshold=2), "club", "33" * 32, "lines",
                {PartyId("a"): values},
                {PartyId("a"): public_hex(club.keys["A"])},
            )
        })["a"][party]
        for party in liars
    }  # fmt: skip
    mine = {**forged, honest: parts[honest]}
    with pytest.raises(Failed):
        put_together(
            "a", mine, club.consortium.keys, club.consortium.points, 3,
            lambda sealed, bound: unseal(club.keys["A"], sealed, bound),
        )  # fmt: skip


def test_what_a_node_says_for_no_firm_is_left_out() -> None:
    part = Part(b"", b"")
    told = msgspec.msgpack.encode({"../../f1": part, "/etc/f1": part, "f1": part, "F1": part})
    assert list(parts_of({PartyId("bank-a"): told})) == ["f1"]


def openings(club: Club, **arguments: Any) -> tuple[Counter[str], list[tuple[str, int]]]:
    """Names and lengths of all messages of one node."""
    sent: list[tuple[str, int]] = []

    def watch(party: PartyId, protocol: Any) -> Any:
        inbox = None
        while True:
            try:
                step = protocol.send(inbox) if inbox is not None else next(protocol)
            except StopIteration as end:
                return end.value
            if party == "bank-a" and not isinstance(step, Fork):
                sent.extend((step.step, len(memoryview(each).cast("B"))) for _, each in sorted(step.send.items()))
            inbox = yield step

    club.clear(watch=watch, **{"steps": 6, "step_bits": 10, "phases": 1, **arguments})
    return Counter(step for step, _ in sent), sent


def test_messages_are_the_same_whatever_firms_owe_each_other() -> None:
    shapes = []
    for obligations in (
        debts(("A", "B", 100), ("B", "A", 100), ("C", "D", 1), ("D", "C", 1)),
        debts(("A", "B", 7), ("C", "D", 9), ("B", "A", 7), ("D", "C", 9)),
    ):
        club = Club.of(obligations)
        club.all_say(obligations)
        shapes.append([each for each in openings(club)[1] if each[0] not in ("hello", "vote", "repair")])
    assert shapes[0] == shapes[1]


def test_a_firm_that_says_nothing_looks_like_any_other_to_the_nodes_but_by_its_absence() -> None:
    club = Club.of(TRIANGLE)
    club.all_say(TRIANGLE, but=["D"])
    found = club.clear(steps=20)
    assert found.figures["total"] == 265
    assert found.cleared()["5"] == 0
    assert found.notice("A").differs == ("D",)
    assert "d" not in found.parts()


@MODES
def test_where_two_sides_differ_nothing_is_cleared_and_only_they_hear_of_it(mode: str) -> None:
    club = Club.of(TRIANGLE, mode)
    club.all_say(TRIANGLE, but=["B"])
    own = debts(("A", "B", 101), ("B", "C", 70))  # of its debtor's 100
    club.say(Statement(club.terms, "B", tuple(own)))
    found = club.clear(steps=20)
    assert found.figures["total"] == 305 - 100
    assert (found.notice("A").differs, found.notice("B").differs) == (("B",), ("A",))
    assert found.notice("C").differs == found.notice("D").differs == ()
    assert found.notice("B").payables == 0


@MODES
def test_or_the_smaller_amount_counts(mode: str) -> None:
    club = Club.of(TRIANGLE, mode)
    club.all_say(TRIANGLE, but=["B"])
    club.say(Statement(club.terms, "B", (Obligation("1", "A", "B", 60), Obligation("2", "B", "C", 70))))
    found = club.clear(steps=20, smaller=True)
    assert found.figures["total"] == 305 - 40
    assert found.notice("B").payables == 60
    assert found.notice("A").differs == ("B",)


def test_a_firm_that_deals_nonsense_harms_only_its_own_debts() -> None:
    club = Club.of(TRIANGLE)
    club.all_say(TRIANGLE, but=["D"])
    lies = {"payables": [-40, 1 << 40, 5, 7], "receivables": [1 << 58, -1, 3, 0]}
    club.say(Statement(club.terms, "D", tuple(TRIANGLE[4:])), lies)
    found = club.clear(steps=20)
    assert (found.figures["total"], found.figures["cleared"]) == (265, 220)
    assert {*found.notice("A").differs} == {"D"}


def test_rows_that_name_no_firm_or_another_firms_debts_lead_nowhere() -> None:
    club = Club.of(TRIANGLE, "skeleton")
    club.all_say(TRIANGLE, but=["D"])
    size = club.terms.size
    lies = {"creditors": [size + 1 + 1, -3, 9999, size], "payables": [100, 1, 2, 3]}  # (A, B) in D's name
    club.say(Statement(club.terms, "D", tuple(TRIANGLE[4:])), lies)
    found = club.clear(steps=20)
    assert (found.figures["total"], found.figures["cleared"]) == (265, 220)


def test_debts_that_are_too_large_together_are_refused() -> None:
    names = [f"F{number}" for number in range(34)]
    obligations = debts(*((one, other, MOST) for one in names for other in names if one != other))
    club = Club.of(obligations)
    for firm in names:
        row = [MOST if firm != other else 0 for other in names]
        club.say(Statement(club.terms, firm, ()), {"payables": row, "receivables": row})
    with pytest.raises(Invalid, match="all debts together reach"):
        club.clear(steps=1)


@MODES
def test_totals_of_too_few_firms_are_kept_back_but_notices_are_sent(mode: str) -> None:
    _, found = played(TRIANGLE, mode, least_firms=5)
    assert found.figures["suppressed"]
    assert (found.figures["total"], found.figures["certified_share"]) == (None, None)
    assert found.notice("A").payables == 75


@MODES
def test_what_is_cleared_among_too_few_firms_is_kept_back_though_many_have_debts(mode: str) -> None:
    lines = debts(("A", "B", 100), ("B", "A", 60), ("C", "D", 7), ("D", "E", 9))
    _, found = played(lines, mode, least_firms=3)
    shown = found.figures
    assert (shown["suppressed"], shown["total"], shown["nid_before"]) == (True, 176, 40 + 9)
    hidden = ("cleared", "remaining", "nid_after", "firms_with_setoff", "cash", "certified_share")
    assert [shown[name] for name in hidden] == [None] * len(hidden)
    assert found.notice("A").payables == 60


def test_of_too_few_firms_nothing_is_opened_not_even_how_large_their_debts_are() -> None:
    club = Club.of(TRIANGLE)
    club.all_say(TRIANGLE)
    seen = openings(club, steps=20, step_bits=None, phases=200)[0]
    club.states = {party: States() for party in club.states}
    given = openings(club, steps=20, step_bits=10, phases=200)[0]
    club.states = {party: States() for party in club.states}
    few = openings(club, steps=20, step_bits=None, phases=200, least_firms=5)[0]
    assert few["preparation"] == given["preparation"] < seen["preparation"]
    assert (few["certificate"], few["totals"]) == (0, 0)
    assert 0 not in (seen["certificate"], seen["totals"])


@MODES
def test_a_round_without_debts_and_one_without_circles_clear_nothing(mode: str) -> None:
    club = Club.of(TRIANGLE, mode)
    for firm in "ABCD":
        club.say(Statement(club.terms, firm, ()))
    found = club.clear(steps=2)
    assert (found.figures["total"], found.figures["cleared"], found.figures["certified_share"]) == (0, 0, 1.0)
    _, found = played(debts(("A", "B", 5), ("C", "D", 7)), mode)
    assert (found.figures["total"], found.figures["cleared"], found.figures["firms_with_setoff"]) == (12, 0, 0)


def test_without_enough_firms_there_is_no_round() -> None:
    club = Club.of(TRIANGLE, minimum_group=5)
    club.all_say(TRIANGLE)
    with pytest.raises(GroupTooSmall):
        club.clear(steps=1)


@MODES
def test_a_dry_run_tells_each_firm_its_own_saving_and_nothing_else(mode: str) -> None:
    _, found = played(TRIANGLE, mode, dry_run=True)
    told = found.told("A")
    assert (told.tells, told.values.tolist()) == ("saving", [75])
    assert found.told("D").values.tolist() == [0]


@MODES
def test_notices_alone_say_nothing_of_all_firms_together(mode: str) -> None:
    club, found = played(TRIANGLE, mode, notices_only=True)
    assert found.cleared() == {"1": 70, "2": 70, "3": 75, "4": 5, "5": 0}
    assert (found.figures["suppressed"], found.figures["total"], found.figures["step"]) == (True, None, None)
    club.states = {party: States() for party in club.states}
    seen = openings(club, steps=20, step_bits=None, phases=200, notices_only=True)[0]
    assert (seen["certificate"], seen["totals"]) == (0, 0)


@MODES
def test_a_round_goes_on_from_the_last_state_that_all_have_kept(mode: str) -> None:
    club = Club.of(TRIANGLE, mode)
    club.all_say(TRIANGLE)

    def broken(sender: str, receiver: str, round_: Any, message: Any) -> Any:
        return None if (sender, round_.step) == ("bank-b", "step 14/20") else message

    with pytest.raises(Failed):
        club.clear(steps=20, tamper=broken)
    kept = {party: dict(states.kept) for party, states in club.states.items()}
    assert min(map(len, kept.values())) >= 10
    del club.states[PartyId("bank-c")].kept[max(kept[PartyId("bank-c")])]
    sent = openings(club, steps=20, step_bits=None, phases=200)[0]
    assert "confirmation" not in sent
    assert min(int(step.split()[1].split("/")[0]) for step in sent if step.startswith("step ")) > 9


def test_states_of_different_attempts_are_not_put_together() -> None:
    club = Club.of(TRIANGLE)
    club.all_say(TRIANGLE)
    before = club.clear(steps=20).cleared()
    states = club.states[PartyId("bank-a")].kept
    for number, body in states.items():
        states[number] = bytes(16) + body[16:]
    sent = openings(club, steps=20, step_bits=None, phases=200)[0]
    assert sent["confirmation"]
    assert before == {"1": 70, "2": 70, "3": 75, "4": 5, "5": 0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": "other"}, "its name is the dataset"),
        ({"where": "amount > 3"}, "cleared whole"),
        ({"steps": 0}, "1 to 4000 steps"),
        ({"step_bits": 60}, "minor units"),
    ],
)
def test_arguments_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    club = Club.of(TRIANGLE)
    with pytest.raises(Invalid, match=words):
        club.clear(**change)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"firms": ("a", "a")}, "once"),
        ({"firms": tuple(f"f{number}" for number in range(501))}, "at most 500"),
        ({"mode": "skeleton", "excluded": (("a", "b"),) * 9}, "at most 8 groups"),
        ({"excluded": (("x",),)}, "no firm of this round"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Terms(**{"round": "club", "firms": ("a", "b"), **terms}).check()
