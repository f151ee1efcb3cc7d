"""Upkeep waits for short jobs between its steps, for a while, and not at all where there are none."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from node import courtesy as module
from node.courtesy import MOST, QUIET, Courtesy
from steelyard.errors import Failed
from steelyard.rounds import Inbox, Protocol, Round

ROUND = Round("step", {}, frozenset())


class Clock:
    """Time passes only where somebody waits; `then` happens when it has."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def polite(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Courtesy:
    made = Courtesy()
    monkeypatch.setattr(made._changed, "wait", clock.wait)  # this one's alone: threads of other tests wait, too
    return made


def steps() -> Protocol[str]:
    heard: Inbox = yield ROUND
    try:
        yield Round("next", dict(heard), frozenset())
    except Failed:
        return "failed"
    return "done"


def end(protocol: Generator[Any, Any, str], answer: Any) -> str:
    with pytest.raises(StopIteration) as ended:
        protocol.send(answer)
    return str(ended.value.value)


def test_without_short_jobs_upkeep_does_not_wait(polite: Courtesy, clock: Clock) -> None:
    protocol = polite.paced(steps())
    assert next(protocol) == ROUND
    assert protocol.send({"bank-a": b"word"}).send == {"bank-a": b"word"}  # type: ignore[union-attr]
    assert end(protocol, {}) == "done"
    assert not clock.waited


def test_a_step_waits_for_a_short_job_though_not_for_ever(polite: Courtesy, clock: Clock) -> None:
    protocol = polite.paced(steps())
    with polite.hurrying():
        next(protocol)
        assert sum(clock.waited) == pytest.approx(MOST)
        protocol.send({})
    assert sum(clock.waited) == pytest.approx(2 * MOST)


def test_after_a_short_job_another_one_is_awaited_a_moment(polite: Courtesy, clock: Clock) -> None:
    protocol = polite.paced(steps())
    with polite.hurrying():
        pass
    next(protocol)
    assert sum(clock.waited) == pytest.approx(QUIET)
    protocol.send({})
    assert sum(clock.waited) == pytest.approx(QUIET)


def test_what_goes_wrong_reaches_the_protocol_and_what_it_returns_comes_out(polite: Courtesy, clock: Clock) -> None:
    protocol = polite.paced(steps())
    next(protocol)
    protocol.send({})
    with pytest.raises(StopIteration) as ended:
        protocol.throw(Failed("a peer is gone"))
    assert ended.value.value == "failed"
