"""`refresh --every`, `recover` and `reshare`: what an operator reads when somebody is away, or a name is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from clients.cli import sharing
from clients.cli.__main__ import run
from clients.sdk.questions import question
from steelyard.errors import Failed, Invalid, PolicyRefused, SteelyardError

POOL = SimpleNamespace(name="pool", missing=("bank-b",), holders=("bank-a", "bank-b", "bank-c"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked of the nodes, of whom bank-c is down."""
    parties = [SimpleNamespace(id=each, reachable=each != "bank-c") for each in POOL.holders]
    client = SimpleNamespace(parties=lambda: parties, sharings=lambda: (POOL,), sharing=lambda name: POOL)

    @contextmanager
    def opened() -> Iterator[SimpleNamespace]:
        yield client

    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(sharing, "open_client", opened)
    monkeypatch.setattr(sharing, "upkeep", lambda *said, **options: found.append((*said[:2], *options.values())))
    return found


def refusing(*errors: SteelyardError | None) -> Callable[..., None]:
    remaining = list(errors)

    def upkeep(*_: object, **__: object) -> None:
        if error := remaining.pop(0):
            raise error

    return upkeep


def test_a_schedule_goes_on_when_a_node_is_away_and_ends_when_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(sharing, "upkeep", refusing(None, Failed("bank-c does not answer"), PolicyRefused("no")))
    monkeypatch.setattr("time.sleep", slept.append)
    assert run(["refresh", "pool", "--every", "24h"]) == PolicyRefused.exit_code
    assert slept == [86_400.0, 86_400.0]
    assert "@pool was not refreshed: bank-c does not answer. The next try is in 24h." in capsys.readouterr().err


def test_without_a_schedule_a_failure_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "upkeep", refusing(Failed("bank-c does not answer")))
    assert run(["refresh", "pool"]) == Failed.exit_code


def test_who_misses_a_share_is_recovered_and_then_all_are_renewed(asked: list[tuple[Any, ...]]) -> None:
    assert run(["recover", "bank-b"]) == 0
    assert asked == [("recover", "pool", "bank-b"), ("refresh", "pool")]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("recover bank-x", 3, "there is no party 'bank-x'; there are bank-a, bank-b, bank-c"),
        ("recover bank-c", 5, "bank-c does not answer: start its node"),
        ("recover bank-c --name pool", 5, "bank-c does not answer: start its node"),
        ("recover bank-a", 0, "bank-a misses no share: nothing was done"),
        ("reshare pool --threshold 2 --remove bank-x --yes", 2, "bank-x cannot leave, for its holders are bank-a"),
    ],
)
def test_a_wrong_name_or_a_node_that_is_down_is_said(
    asked: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(sharing, "STARTS", 0.0)
    assert run(command.split()) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not asked


def test_what_a_stored_sharing_cannot_answer_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(Invalid, match="ask about their dataset with epsilon, or about @pool without"):
        question("sum", "@pool.balance", None, {"epsilon": "0.5"}).checked()
    with pytest.raises(Invalid, match="whether an order buys or sells is a text"):
        question("auction", "@pool.price", None, {"options": {"low": "1", "high": "2", "tick": "1"}}).checked()
