"""Firms without a node in a stored sharing: they count like parties, and a bad dealing keeps nobody else out."""

from __future__ import annotations

from typing import Any

import pytest
from protocols.pools import Pool
from protocols.tables import Rows, ask

from steelyard.errors import Failed, GroupTooSmall, NotFound
from steelyard.functions.catalogue import question
from steelyard.ids import PartyId
from steelyard.rounds import Round
from steelyard.sharing.combination import CHALLENGES

BANKS = {"bank-a": [5, -700, 2_000_00], "bank-b": [100, 100, 31, 2**40]}
FIRMS = {"firm-x": [-3, 17, 2_500_00, 8], "firm-y": [42], "firm-z": [1, 2, 3]}
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("sum", {}),
    ("count", {}),
    ("stats", {}),
    ("exceeds", {"limit": "100.00"}),
    ("histogram", {"edges": ["-1", "0.30", "1.00"]}),
    ("hhi", {}),
    ("top", {"count": 3, "values": True}),
]


def pooled(size: int = 3, threshold: int = 2, firms: dict[str, list[int]] = FIRMS) -> Pool:
    pool = Pool(size, threshold)
    for name, balances in firms.items():
        pool.firm(name, balances)
    return pool


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize(("function", "arguments"), QUESTIONS, ids=lambda each: str(each))
def test_every_question_about_the_pool_covers_the_firms(
    n: int, k: int, function: str, arguments: dict[str, Any]
) -> None:
    pool = pooled(n, k)
    said = pool.share(BANKS)
    assert (said["contributors"], said["waiting"], said["doubted"]) == (["firm-x", "firm-y", "firm-z"], 0, 0)
    everybody = Pool(5, 2).consortium  # the same rows, as if all five had a node
    tables = {
        PartyId(f"bank-{letter}"): Rows.of(rows)
        for letter, rows in zip("abcde", [*BANKS.values(), *FIRMS.values()], strict=True)
    }
    fresh = ask(everybody, question(function, {"dataset": "accounts", "column": "balance", **arguments}), tables)
    told = str(pool.ask(function, **arguments))
    for firm, bank in (("firm-x", "bank-c"), ("firm-y", "bank-d"), ("firm-z", "bank-e")):
        told = told.replace(firm, bank)
    assert told == str(fresh)


def test_a_dataset_that_no_node_holds_is_that_of_firms_alone() -> None:
    pool = pooled()
    assert pool.share({})["contributors"] == ["firm-x", "firm-y", "firm-z"]
    assert pool.ask("sum") == {"total": "2500.70"}


def test_one_bank_and_one_firm_are_two_in_the_minimum_group() -> None:
    pool = Pool(3, 2, minimum_group=2)
    pool.firm("firm-x", [1])
    assert pool.share({"bank-a": [2, 3]})["contributors"] == ["firm-x"]
    few = Pool(3, 2, minimum_group=3)
    few.firm("firm-x", [1])
    with pytest.raises(GroupTooSmall):
        few.share({"bank-a": [2, 3]})


def test_without_anybody_there_is_nothing_to_share() -> None:
    with pytest.raises(NotFound, match="nobody has brought"):
        Pool(3, 2).share({})


def test_what_one_node_does_not_have_yet_waits_for_the_next_time() -> None:
    pool = pooled()
    pool.firm("firm-late", [9], at=["bank-a", "bank-b"])
    said = pool.share(BANKS)
    assert (said["contributors"], said["waiting"]) == (["firm-x", "firm-y", "firm-z"], 1)
    assert "firm-late" not in str(pool.ask("top", count=5))


def test_a_bad_dealing_is_named_and_the_others_are_taken() -> None:
    pool = pooled(5, 2)
    bad = pool.firm("firm-bad", [9], wrong=["bank-a", "bank-b"])
    said = pool.share(BANKS)
    assert (said["contributors"], said["doubted"]) == (["firm-x", "firm-y", "firm-z"], 1)
    for box in pool.boxes.values():
        assert box.doubted == [(bad, ("firm-bad",), ())]


def test_where_firm_or_holder_may_be_to_blame_both_are_named_and_the_others_are_taken() -> None:
    pool = pooled(5, 2)
    doubtful = pool.firm("firm-bad", [9], wrong=["bank-b"])
    assert pool.share(BANKS)["doubted"] == 1
    for box in pool.boxes.values():
        assert box.doubted == [(doubtful, (), ("bank-b", "firm-bad"))]


def test_a_holder_that_lies_about_a_firm_is_suspected_beside_it_and_nothing_is_shared() -> None:
    """One that plays its lie to the end keeps that firm out, as the test above has it; this one is out of step."""
    pool = pooled(5, 2)

    def lie(sender: str, receiver: str, round_: Round, message: Any) -> Any:
        if (sender, round_.step) != ("bank-b", "contributions-check"):
            return message
        return bytes(message[: 32 * 5]) + bytes(24) + bytes(message[32 * 5 + 24 :])

    with pytest.raises(Failed, match="bank-b"):
        pool.share(BANKS, tamper=lie)
    for party, box in pool.boxes.items():
        assert (len(box.doubted), box.parcels.keys()) == (party != "bank-b", FIRMS.keys())
    ((_, culprits, suspects),) = pool.boxes[PartyId("bank-a")].doubted
    assert (culprits, "bank-b" in suspects, len(suspects)) == ((), True, 2)


def test_only_the_columns_asked_for_are_taken_in_whatever_order_the_firm_has_them() -> None:
    pool = Pool(3, 2)
    pool.firm("firm-x", {"other": [7, 8], "balance": [1, 2], "third": [3, -1]})
    pool.firm("firm-y", {"balance": [10, 20]})
    pool.firm("firm-none", {"other": [10, 20]})
    said = pool.share({"bank-a": [100]})
    assert (said["contributors"], said["waiting"]) == (["firm-x", "firm-y"], 0)
    assert pool.ask("stats")["max"] == "1.00"
    assert pool.ask("sum") == {"total": "1.33"}


def test_a_selection_of_rows_or_positions_takes_no_tables_of_firms() -> None:
    pool = pooled()
    assert pool.share(BANKS, where="segment = 'retail'")["contributors"] == []
    same = {"bank-a": [1, 2], "bank-b": [3, 4]}
    assert pooled().share(same, vector=True)["contributors"] == []


def test_a_contribution_dealt_at_another_threshold_is_not_taken() -> None:
    pool = pooled()
    pool.firm("firm-other", [1], threshold=3)
    assert "firm-other" not in pool.share(BANKS)["contributors"]


def test_a_contribution_without_salt_of_an_earlier_release_is_left_out() -> None:
    pool = pooled()
    contribution = pool.firm("firm-old", [1])
    sizes = pool.boxes[PartyId("bank-a")].parcels[PartyId("firm-old")].header.layers
    pool.firm("firm-old", [1], id=contribution, length=sum(each.length for each in sizes) + CHALLENGES)
    assert pool.share(BANKS)["contributors"] == ["firm-x", "firm-y", "firm-z"]


def test_no_more_are_taken_than_there_is_room_for_and_the_oldest_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steelyard.functions.share.MOST_TOGETHER", 33)
    pool = Pool(3, 2)
    for at, name in enumerate(["firm-c", "firm-b", "firm-a"]):
        pool.firm(name, [1], created_ms=1_000 + at)
    said = pool.share(BANKS)
    assert (said["contributors"], said["waiting"]) == (["firm-b", "firm-c"], 1)


def test_an_attempt_after_one_that_nobody_heard_the_end_of_says_the_same() -> None:
    pool = pooled()
    first = pool.share(BANKS)
    for box in pool.boxes.values():
        box.parcels.clear()  # they have been taken up
    assert pool.share({}) == first
