"""Every bank is told its own part, the requester sums, and nobody else anything: as the rule says in clear text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocols.syndicate import Netted, Syndicate

from steelyard import fixedpoint
from steelyard.documents.contribution import Measure
from steelyard.errors import Cheated, GroupTooSmall, Invalid, NotFound, TimedOut
from steelyard.functions.catalogue import question
from steelyard.functions.notices import ABOUT
from steelyard.setoff.queue import Payment, Queue
from steelyard.setoff.queues import Queues

NAMES = ["east", "north", "south", "west"]
RING = [Queue(bank, (Payment(bank, NAMES[(at + 1) % 4], 1000),)) for at, bank in enumerate(NAMES)]


def table(queues: list[Queue]) -> Queues:
    """For the reference."""
    names, length = [each.bank for each in queues], max(each.rows for each in queues)
    amounts, payees = np.zeros((2, len(queues), length), dtype=np.int64)
    for at, queue in enumerate(queues):
        for row, each in enumerate(queue.payments):
            amounts[at, row], payees[at, row] = each.amount, names.index(each.payee)
    return Queues(amounts, payees, np.array([each.balance + each.limit for each in queues]))


def check(queues: list[Queue], found: Netted) -> None:
    reference = table(queues)
    settled = reference.settled()
    paid = (reference.amounts * settled).sum(axis=1)
    net = reference.received(settled) - paid
    needed = int(np.maximum(-net, 0).sum())
    money = {
        "queued": int(reference.amounts.sum()), "settled": int(paid.sum()), "saved": int(paid.sum()) - needed,
        "held": int(reference.amounts.sum() - paid.sum()), "needed": needed,
    }  # fmt: skip
    assert {name: found.figures[name] for name in money} == {n: fixedpoint.format(each, 2) for n, each in money.items()}
    assert found.figures["settles"] == bool(settled.all()) == (found.figures["passes"] == 0)
    for at, queue in enumerate(queues):
        told = found.told(queue.bank)
        *_, position = told.values[: ABOUT + 1]
        bits = told.values[ABOUT + 1 :][: len(queue.payments)]
        assert (told.tells, told.verified, position) == ("payments", True, net[at])
        assert bits.tolist() == settled[at, : len(queue.payments)].tolist()


@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_settles_is_what_the_rule_says(data: st.DataObject) -> None:
    amount = st.sampled_from([1, 50, 700, (1 << 34) - 1])
    queues = []
    for bank in NAMES[: data.draw(st.integers(2, 4))]:
        others = [each for each in NAMES if each != bank]
        lines = data.draw(st.lists(st.tuples(st.sampled_from(others), amount), max_size=18))
        payments = tuple(Payment(str(at), *line) for at, line in enumerate(lines))
        queues.append(Queue(bank, payments, data.draw(st.sampled_from([-3, 0, 40, 1 << 35])), 3))
    names = [each.bank for each in queues]
    queues = [
        Queue(each.bank, tuple(one for one in each.payments if one.payee in names), each.balance, each.limit)
        for each in queues
    ]
    check(queues, Syndicate.of(queues).net())


def test_five_nodes_agree_with_three() -> None:
    check(RING, Syndicate.of(RING, size=5, threshold=3).net())


def test_positions_are_those_of_all_payments() -> None:
    found = Syndicate.of([*RING[:3], Queue("west", (Payment("w", "east", 400),))]).net(mode="positions")
    assert {**found.figures, "mode": ""} == {
        "mode": "", "banks": 4, "queued": "34.00", "settled": "34.00", "held": "0.00", "saved": "28.00",
        "needed": "6.00",
    }  # fmt: skip
    positions = {bank: found.told(bank).values[-1] for bank in NAMES}
    assert positions == {"east": -600, "north": 0, "south": 0, "west": 600}


@pytest.mark.parametrize(("balance", "settles"), [(0, False), (599, False), (600, True)])
def test_whether_all_settles_is_one_bit(balance: int, settles: bool) -> None:
    queues = [
        Queue("east", RING[0].payments, balance), *RING[1:3], Queue("west", (Payment("w", "east", 400),)),
    ]  # fmt: skip
    found = Syndicate.of(queues).net(mode="settles")
    assert found.figures == {"mode": "settles", "banks": 4, "settles": settles}
    assert all(each.attachment == b"" and each.share.size == 1 for each in found.outcome.values())


def test_a_notice_opens_for_its_bank_alone() -> None:
    found = Syndicate.of(RING).net()
    with pytest.raises(Cheated):
        found.told("east", reader="north")


def test_messages_and_results_have_the_same_shape_whatever_is_queued() -> None:
    def shape(queues: list[Queue]) -> list[tuple[Any, ...]]:
        seen: list[tuple[Any, ...]] = []

        def tamper(sender: str, receiver: str, round_: Any, message: Any) -> Any:
            seen.append((sender, receiver, round_.step, len(memoryview(message).cast("B"))))
            return message

        found = Syndicate.of(queues).net(tamper=tamper)
        seen += [(party, len(each.share), len(each.attachment)) for party, each in sorted(found.outcome.items())]
        return seen

    rich = [
        Queue(bank, tuple(Payment(str(at), NAMES[bank == NAMES[0]], 9) for at in range(12)), 10**6) for bank in NAMES
    ]
    rich[1] = Queue("north", (), 5)
    assert shape(RING) == shape(rich)  # neither needs a pass that drops


def test_a_bank_that_has_said_nothing_is_named() -> None:
    syndicate = Syndicate.of(RING)
    for box in syndicate.boxes.values():
        del box.parcels["south"]  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no queue of south"):
        syndicate.net()


@pytest.mark.parametrize(
    "changes", [{"columns": (Measure("amount", 0, 0),)}, {"rows": 32}, {"dataset": "other"}, {"threshold": 3}]
)
def test_a_contribution_of_another_form_does_not_count(changes: dict[str, Any]) -> None:
    syndicate = Syndicate.of(RING)
    syndicate.say(RING[2], **changes)
    with pytest.raises(NotFound, match="no queue of south"):
        syndicate.net()


def test_payees_numbered_in_another_order_do_not_count() -> None:
    syndicate = Syndicate.of(RING)
    syndicate.names = [*reversed(NAMES)]
    with pytest.raises(NotFound, match="nobody has brought this dataset"):
        syndicate.net()


def test_who_deals_no_queue_is_named_and_nothing_comes_out() -> None:
    syndicate = Syndicate.of(RING)
    amounts = RING[1].layers({name: at for at, name in enumerate(NAMES)})["amounts"]
    syndicate.say(RING[1], {"amounts": -amounts})
    with pytest.raises(Cheated) as caught:
        syndicate.net()
    assert caught.value.culprits == ("north",)


def test_too_few_banks_are_not_netted() -> None:
    with pytest.raises(GroupTooSmall):
        Syndicate.of(RING, minimum_group=5).net()


def test_no_more_passes_are_opened_than_allowed() -> None:
    chain = [Queue(bank, (Payment(bank, NAMES[(at + 1) % 4], 10),), -(at == 0), 1) for at, bank in enumerate(NAMES)]
    chain = [Queue("east", (Payment("e", "north", 12),)), *chain[1:3], Queue("west", (Payment("w", "east", 5),))]
    found = Syndicate.of(chain).net()
    assert found.figures["passes"] > 1
    with pytest.raises(TimedOut, match="after 1 passes"):
        Syndicate.of(chain).net(passes=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"banks": ["north"]},
        {"banks": ["north", "north"]},
        {"banks": ["North", "south"]},
        {"mode": "all"},
        {"decimals": 7},
        {"passes": 0},
        {"where": "a = 1"},
        {"dataset": "@payments"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    arguments = {"dataset": "payments", "column": "amount", "banks": ["north", "south"], **changes}
    with pytest.raises(Invalid):
        question("netting", arguments)
