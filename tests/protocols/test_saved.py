"""States that nodes keep of a computation: which of them belong together after attempts with other participants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from protocols.clubs import States
from protocols.consortium import Consortium

from steelyard.errors import Outdated
from steelyard.ids import AttemptId, PartyId
from steelyard.protocols.saved import FORM, Saved
from steelyard.rounds import run_locally


def common(consortium: Consortium, states: dict[PartyId, States], name: str) -> int:
    """What these attempt's participants find they have in common; the same at all."""
    made = {party: saved(consortium, states, party, name) for party in states}
    found = run_locally({party: each.common() for party, each in made.items()})
    (number,) = set(found.values())
    return int(number)  # type: ignore[call-overload]


def saved(consortium: Consortium, states: dict[PartyId, States], party: PartyId, name: str) -> Saved:
    return Saved(replace(consortium.attempt(party), attempt=AttemptId(name * 32)), states[party])


def kept(consortium: Consortium, states: dict[PartyId, States], name: str, numbers: range, *parties: int) -> None:
    for party in [consortium.parties[index] for index in parties]:
        for number in numbers:
            saved(consortium, states, party, name).keep(number, [np.arange(number, dtype=np.uint64)])


def test_states_of_an_earlier_beginning_do_not_follow_upon_a_new_one() -> None:
    consortium = Consortium(3, 2)
    states = {party: States() for party in consortium.parties}
    kept(consortium, states, "1", range(1, 6), 0, 1, 2)
    assert common(consortium, states, "2") == 5
    kept(consortium, states, "2", range(1, 3), 0, 1)  # with a fourth node in place of the third, from the beginning
    assert common(consortium, states, "3") == 0
    kept(consortium, states, "3", range(1, 3), 0, 1, 2)
    assert common(consortium, states, "4") == 2


def test_what_another_release_has_saved_is_refused_in_plain_words_and_removed() -> None:
    consortium = Consortium(3, 2)
    states = {party: States() for party in consortium.parties}
    kept(consortium, states, "1", range(1, 4), 0, 1, 2)
    old = states[consortium.parties[0]].kept
    for number, body in old.items():  # as it was before saved states said which vectors they hold
        old[number] = body[:16] + body[16 + len(FORM) :]
    found = run_locally({party: saved(consortium, states, party, "2").common() for party in states})
    refused = found[consortium.parties[0]]
    assert isinstance(refused, Outdated)
    assert "start it again, with a new request" in refused.message
    assert not old
    kept(consortium, states, "3", range(1, 3), 0, 1, 2)  # and nothing of it is in the way of the next
    assert common(consortium, states, "4") == 2
