"""Protocols side by side: in step, or one after the other, they give what they give alone."""

from __future__ import annotations

import pytest

from steelyard.errors import Failed, Invalid, Malformed
from steelyard.ids import PartyId
from steelyard.rounds import Message, Protocol, Round, batch, broadcast, called, pipeline, run_locally, swift

PARTIES = tuple(PartyId(f"bank-{letter}") for letter in "abc")


def others(me: PartyId) -> list[PartyId]:
    return [party for party in PARTIES if party != me]


def talk(me: PartyId, name: str, rounds: int) -> Protocol[list[str]]:
    """Tells everybody `name` and the round, and returns what it heard."""
    heard = []
    for number in range(rounds):
        inbox = yield broadcast(name, f"{me} {name} {number}".encode(), others(me))
        heard += [bytes(message).decode() for _, message in sorted(inbox.items())]
    return heard


def tell(me: PartyId) -> Protocol[list[str]]:
    """Only the first tells the second something."""
    first, second, _ = PARTIES
    send = {second: b"psst"} if me == first else {}
    inbox = yield Round("tell", send, frozenset({first} if me == second else ()))
    return [bytes(message).decode() for message in inbox.values()]


def test_protocols_in_step_give_what_they_give_alone_in_as_many_rounds_as_the_longest() -> None:
    sent = []

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Message) -> Message:
        sent.append((sender, receiver, round_.step))
        return message

    together = run_locally(
        {me: batch([talk(me, "x", 3), tell(me), talk(me, "y", 1), talk(me, "z", 0)]) for me in PARTIES}, watch
    )
    assert len(sent) == 3 * 6
    assert {step for *_, step in sent} == {"x+tell+y", "x"}
    for me in PARTIES:
        assert together[me] == [
            run_locally({p: talk(p, "x", 3) for p in PARTIES})[me],
            ["psst"] if me == PARTIES[1] else [],
            run_locally({p: talk(p, "y", 1) for p in PARTIES})[me],
            [],
        ]


def test_branches_give_what_they_give_alone_in_order() -> None:
    together = run_locally({me: pipeline([talk(me, name, 2) for name in "xyz"], 2) for me in PARTIES})
    for index, name in enumerate("xyz"):
        alone = run_locally({me: talk(me, name, 2) for me in PARTIES})
        assert {me: result[index] for me, result in together.items()} == alone


def test_a_batch_takes_no_more_than_was_announced() -> None:
    def lengthen(sender: PartyId, receiver: PartyId, round_: Round, message: Message) -> Message:
        return bytes(message) + b"!" if sender == PARTIES[0] else message

    outcome = run_locally({me: batch([talk(me, "x", 1)]) for me in PARTIES}, lengthen)
    error = outcome[PARTIES[1]]
    assert isinstance(error, Malformed)
    assert error.culprits == (PARTIES[0],)


def test_what_goes_on_without_somebody_cannot_go_in_step() -> None:
    def hasty(me: PartyId) -> Protocol[None]:
        yield broadcast("x", b"x", others(me), enough=1)

    def branching(me: PartyId) -> Protocol[list[list[str]]]:
        return (yield from pipeline([talk(me, "x", 1)], 1))

    for made in (hasty, branching):
        with pytest.raises(Invalid):
            next(batch([made(PARTIES[0])]))


def test_a_swift_protocol_says_so_in_every_round_and_ends_with_one_in_which_nothing_is_sent() -> None:
    seen = list[Round]()

    def watched(protocol: Protocol[list[str]]) -> Protocol[list[str]]:
        step = next(protocol)
        try:
            while True:
                assert isinstance(step, Round)
                seen.append(step)
                step = protocol.send((yield step))
        except StopIteration as end:
            output: list[str] = end.value
            return output

    first, *rest = PARTIES
    plays = {me: called("talk", swift(talk(me, "swift", 2))) for me in rest}
    run_locally({first: watched(called("talk", swift(talk(first, "swift", 2)))), **plays})
    assert [(each.step, each.swift, len(each.send), len(each.hear)) for each in seen] == [
        ("talk", True, 2, 2),
        ("talk", True, 2, 2),
        ("talk", False, 0, 0),
    ]


def test_a_swift_protocol_gives_what_it_gives_alone_and_fails_as_it_does_alone() -> None:
    outcome = run_locally({me: swift(talk(me, "swift", 3)) for me in PARTIES})
    assert outcome == run_locally({me: talk(me, "swift", 3) for me in PARTIES})
    silenced = run_locally({me: swift(talk(me, "swift", 3)) for me in PARTIES}, lambda *_: None)
    assert all(isinstance(each, Failed) for each in silenced.values())
