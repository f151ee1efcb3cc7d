"""What was in memory goes to the disk once, however many ask for it at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event, Lock
from types import SimpleNamespace

import pytest

from node import settlement


class Results:
    """One that is held until it is released."""

    def __init__(self) -> None:
        self.held = {"ab" * 16: "a result"}

    def store(self, computation: str, result: str) -> None: ...

    def release(self, stored: dict[str, str]) -> None:
        self.held = {}


class Books:
    """Of a node whose transaction takes until it is told to end."""

    def __init__(self) -> None:
        self.begun, self.end, self.settling, self._lock = Event(), Event(), Lock(), Lock()
        self.audited: list[str] = []
        self.computations = Results()
        self.consent = SimpleNamespace(settling=self._settling, settle=lambda: None)
        self.audit = SimpleNamespace(record=lambda event, fields, now_ms: self.audited.append(event))
        self.trained = SimpleNamespace(settled=lambda computation: None)

    @contextmanager
    def _settling(self) -> Iterator[None]:
        with self._lock:
            self.begun.set()
            assert self.end.wait(60)
            yield


def test_a_result_is_released_once_when_two_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node does so every second, and whenever its owner reads what there is."""
    monkeypatch.setattr(settlement, "_parties", lambda result: ())
    books = Books()
    with ThreadPoolExecutor() as threads:
        first = threads.submit(settlement.settle, books)  # type: ignore[arg-type]
        assert books.begun.wait(60)
        second = threads.submit(settlement.settle, books)  # type: ignore[arg-type]
        wait((second,), 0.2)
        books.end.set()
        first.result(60)
        second.result(60)
    assert books.audited == ["released"]
