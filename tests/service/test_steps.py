"""Steps of a protocol: where they run, and that what runs in a thread is left alone until it has ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from steelyard.ids import PartyId
from steelyard.rounds import Inbox, Protocol, Round
from steelyard.rpc.drive import drive
from steelyard.rpc.mailbox import Mailbox
from steelyard.rpc.steps import Output, Steps

ME = PartyId("bank-a")
PATIENCE = 60
CANCELLED = """
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
from steelyard.ids import PartyId
from steelyard.rounds import Round, stepwise
from steelyard.rpc.drive import drive
from steelyard.rpc.mailbox import Mailbox

def slow(begun, end):
    begun.set()
    end.wait()
    yield Round("compute", {}, frozenset())

async def main():
    with ThreadPoolExecutor(max_workers=1) as executor:
        for _ in range(1000):
            begun, end = threading.Event(), threading.Event()
            protocol, mailbox = stepwise(slow(begun, end)), Mailbox([PartyId("bank-a")], 1)
            task = asyncio.create_task(drive(protocol, bytes(16), mailbox, {}, executor, 60))
            await asyncio.to_thread(begun.wait)
            task.cancel()
            await asyncio.wait([task])
            end.set()

asyncio.run(main())
"""


class Slow:
    """As a generator, whose step takes until it is told to end."""

    def __init__(self, fails: bool = False) -> None:
        self.begun, self.end = threading.Event(), threading.Event()
        self.fails = fails
        self.story: list[str] = []

    def __next__(self) -> Round:
        self.story.append("begins")
        self.begun.set()
        assert self.end.wait(PATIENCE)
        self.story.append("ends")
        if self.fails:
            raise ValueError("a step that failed when nobody listened any more")
        return Round("compute", {}, frozenset())

    def send(self, inbox: Inbox) -> Round:
        return next(self)

    def close(self) -> None:
        self.story.append("closed")

    @property
    def protocol(self) -> Protocol[Any]:
        return cast("Protocol[Any]", self)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_attempt_closes_its_protocol_after_the_step_in_a_thread(
    executor: ThreadPoolExecutor, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed while it runs, a generator may take the whole process with it."""
    slow = Slow(fails)
    mailbox = Mailbox([ME], 1 << 20)
    task = asyncio.create_task(drive(slow.protocol, bytes(16), mailbox, {}, executor, PATIENCE))
    assert await asyncio.to_thread(slow.begun.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task  # at once: nobody waits for a thread
    assert slow.story == ["begins"]
    slow.end.set()
    while len(slow.story) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert slow.story == ["begins", "ends", "closed"]
    assert caplog.records == []


async def test_a_step_that_still_waits_for_a_thread_never_begins() -> None:
    """It could enter and sign something for a computation of which the coordinator has heard that it is over."""
    slow, held = Slow(), threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(held.wait, PATIENCE)
        task = asyncio.create_task(
            drive(slow.protocol, bytes(16), Mailbox(frozenset({ME}), 1 << 20), {}, executor, PATIENCE)
        )
        await asyncio.sleep(0)  # its first step is on its way to the thread
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        slow.end.set()
        held.set()
        await asyncio.wrap_future(executor.submit(bool))  # whatever waited before has had its turn
    while not slow.story:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert slow.story == ["closed"]


def test_a_thousand_cancelled_attempts_leave_the_process_alive() -> None:
    """Python 3.11 takes a counter in the code of a generator that runs for an instruction, one time in 16."""
    subprocess.run([sys.executable, "-c", CANCELLED], check=True, timeout=300)


@pytest.mark.parametrize("threads", [False, True])
async def test_between_steps_a_protocol_is_closed_at_once(executor: ThreadPoolExecutor, threads: bool) -> None:
    slow = Slow()
    slow.end.set()
    steps = Steps(slow.protocol, executor if threads else None)
    assert isinstance(await steps.advance(None, None), Round)
    steps.close()
    assert slow.story == ["begins", "ends", "closed"]


async def test_the_last_step_gives_the_output() -> None:
    def protocol() -> Protocol[str]:
        yield Round("compute", {}, frozenset())
        return "done"

    steps = Steps(protocol(), None)
    assert isinstance(await steps.advance(None, None), Round)
    assert await steps.advance({}, None) == Output("done")
