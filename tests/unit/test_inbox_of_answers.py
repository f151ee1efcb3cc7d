"""Answers to calls in a node's inbox: what is taken for one, who opens it, how long it is held, and its one use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from unit.test_inbox import ME, Nodes

import node.inbox
from node.audit import Audit
from steelyard.errors import Conflict, Malformed
from steelyard.functions.answered import MAX_NOTE
from steelyard.functions.answered import PURPOSE as ANSWER
from tests.firms import DAY_MS, Firms
from tests.service.fakes import make_consortium


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Firms:
    root = tmp_path_factory.mktemp("consortium")
    return Firms(root, make_consortium(root))


@pytest.fixture
def nodes(tmp_path: Path, firms: Firms) -> Iterator[Nodes]:
    made = Nodes(tmp_path, firms)
    yield made
    for each in made.databases.values():
        each.close()


def test_what_has_served_the_call_that_it_answers_is_forgotten_and_the_computation_remembered(nodes: Nodes) -> None:
    inbox = nodes.inboxes[ME]
    for firm, dataset in (("firm-x", "call_1"), ("firm-y", "call_1"), ("firm-y", "call_2")):
        assert nodes.deliver(nodes.firms.bundle(firm, dataset=dataset)) is None
    assert inbox.used_by("call_1") == ""
    inbox.use_up("call_1", "5e" * 16)
    assert (inbox.list("call_1"), len(inbox.list("call_2"))) == ((), 1)
    assert (inbox.used_by("call_1"), inbox.used_by("call_2")) == ("5e" * 16, "")
    inbox.use_up("call_1", "6f" * 16)
    assert nodes.open(ME).used_by("call_1") == "5e" * 16
    assert [each.event for each in Audit(nodes.databases[ME]).read()].count("contributions_final") == 1


def test_no_answer_to_a_call_is_taken_once_it_has_been_computed(nodes: Nodes) -> None:
    """Neither of who has answered nor of who has not: the call would be computed again, or the answer never used."""
    inbox, answer = nodes.inboxes[ME], nodes.firms.bundle("firm-x", dataset="call_1")
    assert nodes.deliver(answer) is None
    inbox.use_up("call_1", "5e" * 16)
    for firm in ("firm-x", "firm-y"):
        refused = nodes.deliver(nodes.firms.bundle(firm, dataset="call_1"))
        assert isinstance(refused, Conflict)
        assert "ask for a new call" in refused.message
    assert nodes.deliver(answer) is None  # the same again is nothing new
    assert (inbox.list("call_1"), inbox.used_by("call_1")) == ((), "5e" * 16)


def test_only_what_a_question_takes_is_opened(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a sponsor may lay shares of 64 MB under the name of a call."""
    inbox, opened, unseal = nodes.inboxes[ME], [], node.inbox.unseal
    for firm in ("firm-x", "firm-y", "firm-z"):
        assert nodes.deliver(nodes.firms.bundle(firm, dataset="call_1")) is None
    monkeypatch.setattr(node.inbox, "unseal", lambda *each: opened.append(each) or unseal(*each))  # type: ignore[func-returns-value]
    found = inbox.held("call_1", "test", lambda header: header.contributor == "firm-y")
    assert (set(found), len(opened)) == ({"firm-y"}, 1)


@pytest.mark.parametrize(
    ("layers", "rows"),
    [
        ({"note": 3, "block": 5}, 0),
        ({"block": 5, "note": 3}, 1),
        ({"note": 0, "block": 5}, 1),
        ({"note": MAX_NOTE + 1, "block": 5}, 1),
        ({"note": 3, "block": 0}, 1),
        ({"note": 3, "block": 5, "more": 1}, 1),
    ],
    ids=str,
)
def test_what_is_no_answer_to_any_call_is_refused(nodes: Nodes, layers: dict[str, int], rows: int) -> None:
    firm = nodes.firms.firm()
    zeros = {name: np.zeros(size, dtype=np.int64) for name, size in layers.items()}
    assert isinstance(nodes.deliver(firm.seal(zeros, dataset="call_1", purpose=ANSWER, rows=rows)), Malformed)
    right = {"note": np.zeros(3, dtype=np.int64), "block": np.zeros(5, dtype=np.int64)}
    assert nodes.deliver(firm.seal(right, dataset="call_1", purpose=ANSWER, rows=1)) is None


def test_an_answer_is_held_no_longer_than_a_call_can_be_valid(nodes: Nodes) -> None:
    layers = {"note": np.zeros(3, dtype=np.int64), "block": np.zeros(5, dtype=np.int64)}
    answer = nodes.firms.firm().seal(layers, dataset="call_1", purpose=ANSWER, rows=1, days=300)
    assert [nodes.deliver(answer), nodes.deliver(nodes.firms.bundle("firm-y"))] == [None, None]
    nodes.later_ms = 7 * DAY_MS + 60_000
    assert nodes.inboxes[ME].purge() == 1
    assert [each.contributor.id for each in nodes.inboxes[ME].list()] == ["firm-y"]
