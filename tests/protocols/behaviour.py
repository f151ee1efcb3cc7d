"""What is asked of every protocol, whatever it computes: its cost, its transcript, and whom it blames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from protocols.circles import Ring, Seen

from steelyard.errors import Malformed
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.rounds import Protocol

Shared = Mapping[PartyId, Any]


def cost(ring: Ring, protocol: Callable[..., Protocol[Any]], *shared: Shared) -> tuple[int, int]:
    """Rounds, and bytes sent by all parties together; convening is not counted."""
    rounds, seen = 0, Seen()

    def counted(circle: Circle, *mine: Any) -> Protocol[Any]:
        nonlocal rounds
        running = protocol(circle, *mine)
        inbox = None
        while True:
            try:
                step = running.send(inbox) if inbox is not None else next(running)
            except StopIteration as end:
                return end.value
            rounds += circle.me == ring.parties[0]
            inbox = yield step

    ring.run(counted, *shared, seen=seen)
    return rounds, sum(size for step, *_, size in seen.messages if step != "seeds")


def same_transcript(ring: Ring, protocol: Callable[..., Protocol[Any]], inputs: Iterable[tuple[Shared, ...]]) -> bool:
    """Whether the same messages go to and fro, in the same lengths, for all inputs."""
    shapes = []
    for shared in inputs:
        seen = Seen()
        ring.run(protocol, *shared, seen=seen)
        shapes.append(seen.messages)
    assert shapes[0]
    return all(shape == shapes[0] for shape in shapes)


def blames_the_sender(ring: Ring, protocol: Callable[..., Protocol[Any]], *shared: Shared) -> None:
    """In every step, a message cut short ends the protocol with an error that names its sender."""
    seen = Seen()
    ring.run(protocol, *shared, seen=seen)
    senders = {step: sender for step, sender, *_ in seen.messages if step != "seeds"}
    assert senders
    for wrong, cheat in senders.items():

        def cut(sender: str, receiver: str, round_: Any, message: Any, wrong: str = wrong, cheat: str = cheat) -> Any:
            return bytes(message)[:-8] if (sender, round_.step) == (cheat, wrong) else message

        with pytest.raises(Malformed) as caught:
            ring.run(protocol, *shared, tamper=cut)
        assert caught.value.culprits == (cheat,), wrong
