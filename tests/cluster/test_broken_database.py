"""A bank whose node loses its database says so itself: to probes, the coordinator, whoever asks, and in its log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from node.health import SECONDS
from steelyard.errors import Failed
from steelyard.rpc import probe
from tests.cluster import scenarios
from tests.cluster.in_process import InProcess, Node

pytestmark = pytest.mark.xdist_group("in_process")

BROKEN: Final = "bank-b"
Harm = Callable[[Node], Iterator[None]]


def read_only(node: Node) -> Iterator[None]:
    node.books.database.one("PRAGMA query_only = ON")
    yield
    node.books.database.one("PRAGMA query_only = OFF")


def locked_by_another_process(node: Node) -> Iterator[None]:
    with closing(sqlite3.connect(node.config.state / "node.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def moved_away(node: Node) -> Iterator[None]:
    database = node.config.state / "node.db"
    moved = database.rename(database.with_suffix(".old"))
    yield
    moved.rename(database)


@pytest.fixture
def broken(in_process: InProcess, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """With a node that has just looked after its database."""
    monkeypatch.setattr("steelyard.storage.database._BUSY_SECONDS", 0.2)
    node = in_process.nodes[BROKEN]
    look = node.books.health.look
    with contextmanager(request.param)(node):
        in_process.run(look(node.server.serving))
        yield node
    in_process.run(look(node.server.serving))
    probe.check(node.config.listen, Path(node.config.identity))
    scenarios.eventually(lambda: problem(in_process) == "")
    scenarios.again(in_process)


def problem(runner: InProcess) -> str:
    with runner.client() as client:
        return next(each.problem for each in client.parties() if each.id == BROKEN)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (read_only, "the database is read-only"),
        (locked_by_another_process, "another process has the database open"),
        (moved_away, "the database file was moved or replaced"),
    ],
    indirect=["broken"],
)
def test_a_node_without_its_database_says_so_everywhere_and_recovers(
    in_process: InProcess, broken: Node, why: str
) -> None:
    with pytest.raises(Failed, match="not serving"):
        probe.check(broken.config.listen, Path(broken.config.identity))
    assert scenarios.eventually(lambda: why in problem(in_process))
    answer = in_process.ask("sum", scenarios.BALANCE)
    assert (answer.code, answer.reason, answer.error["party"]) == (5, "PARTY_MISSING", BROKEN)
    assert f"{BROKEN} cannot take part ({why}" in answer.error["message"]
    assert why in next(line for line in in_process.logs(BROKEN).splitlines()[::-1] if "database_unusable" in line)


def test_the_database_is_looked_at_every_few_seconds() -> None:
    assert 2 <= SECONDS <= 10
