"""A question put to a consortium in one process: its figures, what was sent, and what was opened to the nodes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from protocols.circles import Seen
from protocols.consortium import Consortium

from steelyard.errors import SteelyardError
from steelyard.field import to_signed
from steelyard.functions.question import Opening, Question
from steelyard.ids import PartyId
from steelyard.rounds import Message, Protocol, Round, run_locally
from steelyard.sharing.robust import open_robustly

SIZES = [(3, 2), (4, 2), (5, 3)]
_OPENINGS = ("open_bits", "open_to_nodes")


@dataclass
class Said(Seen):
    """Beside the messages, the steps that open something, at the first party."""

    opened: list[str] = field(default_factory=list)


def ask(
    consortium: Consortium,
    question: Question[Any],
    inputs: Mapping[PartyId, Mapping[str, Sequence[int]]],
    decimals: tuple[int, ...] = (2,),
    said: Said | None = None,
) -> dict[str, Any]:
    """The figures; raises what any party raises."""
    consortium.decimals = decimals

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Message) -> Message:
        if said is not None:
            said.messages.append((round_.step, sender, receiver, len(memoryview(message).cast("B"))))
        return message

    outcome = run_locally(consortium.totals(question, inputs), watch)
    for each in outcome.values():
        if isinstance(each, SteelyardError):
            raise each
    shares = {party: each.share for party, each in outcome.items()}
    values = to_signed(open_robustly(shares, consortium.points, consortium.threshold).value)
    one = outcome[consortium.parties[0]]
    assert all(each.suppressed == one.suppressed for each in outcome.values())
    contributions = consortium.ledgers[consortium.parties[0]].entered[-1].contributions
    return question.figures(Opening(values, one.suppressed, one.decimals, contributions, consortium.threshold))


def nothing_was_dealt(consortium: Consortium) -> bool:
    return not any(ledger.entered for ledger in consortium.ledgers.values())


def watch_openings(monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    """From now on, what is opened to the nodes is written down, wherever that is done."""
    for name in _OPENINGS:
        for module in [each for key, each in sys.modules.items() if key.startswith("steelyard.")]:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, _recorded(getattr(module, name), said))


def _recorded(opening: Any, said: Said) -> Any:
    def recorded(who: Any, step: str, share: Any) -> Protocol[Any]:
        if who.me == "bank-a":
            said.opened.append(step)
        return (yield from opening(who, step, share))

    return recorded
