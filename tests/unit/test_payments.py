"""Queues are read in the order of their priorities; every mistake in the files has its line and column."""

from __future__ import annotations

import pytest

from steelyard.errors import Invalid
from steelyard.setoff.payments import read
from steelyard.setoff.queue import Payment, Queue

HEAD = "id,payer,payee,amount,priority\n"
BALANCES = "bank,balance,limit\nnorth,5.00,1.00\nsouth,-2.00,2.50\nwest,0,\n"
PLACES = {"north": 0, "south": 1, "west": 2}


def test_queues_go_by_priority_then_by_the_order_of_the_file() -> None:
    text = HEAD + "a,north,south,1.50,\nb,north,west,2.00,2\nc,north,south,3.00,0\nd,north,west,4.00,2\n\n"
    north, south, west = read(text, BALANCES, 2)
    assert [each.id for each in north.payments] == ["c", "b", "d", "a"]
    assert north.payments[-1] == Payment("a", "south", 150)
    assert (north.balance, north.limit) == (500, 100)
    assert (south, west) == (Queue("south", (), -200, 250), Queue("west", (), 0, 0))


def test_without_balances_all_who_occur_take_part_with_no_funds() -> None:
    found = read("id,payer,payee,amount\n1,b,a,7\n")
    assert found == [Queue("a", ()), Queue("b", (Payment("1", "a", 7),))]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("1,north,north,1,\n", "line 2, column payee: this is the payer itself"),
        ("1,north,south,-1,\n", "line 2, column amount: this is negative"),
        ("1,north,south,0.00,\n", "line 2, column amount: this is zero"),
        ("1,north,south,171798691.84,\n", "line 2, column amount: this is 17,179,869,184 minor units or more"),
        ("1,north,south,1.001,\n", "line 2, column amount: this cannot be read"),
        ("1,north,south,,\n", "line 2, column amount: this cannot be read"),
        ("1,north,east,1,\n", "line 2, column payee: this is no bank of the file with balances"),
        ("1,east,north,1,\n", "line 2, column payer: this is no bank of the file with balances"),
        ("1,north,south,1,\n1,north,west,1,\n", "line 3, column id: this is that of line 2 already"),
        ("1,north,south,1,soon\n", "line 2, column priority"),
        ("1,,south,1,\n", "line 2, column payer: this is no name"),
        ("1,north,south\n", "line 2 has 3 cells"),
        ('"1,north,south,1,\n', "no CSV"),
        ("", "holds no payments"),
    ],
)
def test_mistakes_in_payments_are_pointed_at(lines: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(HEAD + lines, BALANCES, 2)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bank,balance\nnorth,1\nnorth,2\n", "line 3, column bank: this was on an earlier line"),
        ("bank,balance,limit\nnorth,1,-1\n", "line 2, column limit: this is negative"),
        ("bank,balance,limit\nnorth,-2,1\n", "line 2, column balance: this is further below zero"),
        ("bank,balance\nnorth,17592186044416\n", "line 2, column balance: this is, with the limit, 17,592,186,044,416"),
        ("bank,balance\nnorth,much\n", "line 2, column balance: this cannot be read"),
        ("bank\nnorth\n", "missing: balance"),
        ("bank,balance,colour\nnorth,1,red\n", "unknown columns: colour"),
        ("bank,balance,bank\nnorth,1,north\n", "names a column twice"),
    ],
)
def test_mistakes_in_balances_are_pointed_at(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(HEAD + "1,north,south,1,\n", text)
    assert said in caught.value.message


def test_a_bank_alone_knows_only_its_own_balance_and_may_pay_nothing() -> None:
    (north,) = read(HEAD, "bank,balance\nnorth,5\n", alone=True)
    assert north == Queue("north", (), 5, 0)
    found = {each.bank: each for each in read(HEAD + "1,north,far,1,\n", "bank,balance\nnorth,5\n", alone=True)}
    assert found["north"].payments == (Payment("1", "far", 1),)


def test_a_queue_deals_as_many_rows_as_its_power_of_two_and_padding_pays_nothing() -> None:
    queue = Queue("south", tuple(Payment(str(at), "north", 3) for at in range(17)), 4, 5)
    layers = queue.layers(PLACES)
    payees = layers["payees"].reshape(32, 3)
    assert (queue.rows, layers["funds"].tolist(), layers["amounts"].tolist()) == (32, [9], [3] * 17 + [0] * 15)
    assert payees.tolist() == [[1, 0, 0]] * 17 + [[0, 0, 1]] * 15


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (Queue("south", (Payment("1", "south", 1),)), "to itself"),
        (Queue("south", (Payment("1", "far", 1),)), "far is no bank"),
        (Queue("far", ()), "far is no bank"),
        (Queue("south", (Payment("1", "north", 0),)), "of nothing"),
        (Queue("south", (Payment("1", "north", 1 << 34),)), "17,179,869,184"),
        (Queue("south", (), -1), "a balance below it"),
        (Queue("south", (), 1 << 44), "17,592,186,044,416"),
    ],
)
def test_a_queue_that_is_none_is_not_dealt(queue: Queue, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        queue.layers(PLACES)
    assert said in caught.value.message
