"""The life of a computation: whatever happens in whatever order, it only moves along the table and ends once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.lifecycle import ENDED, TRANSITIONS, Event, State, after, ending
from steelyard.errors import Cheated, PartyMissing, PolicyRefused, SteelyardError, TimedOut

RANK = {State.PROPOSED: 0, State.APPROVED: 1, State.RUNNING: 2, State.DONE: 3, State.REFUSED: 3, State.ABORTED: 3}


@given(st.lists(st.sampled_from(list(Event))))
def test_a_computation_never_moves_back_and_never_leaves_its_end(events: list[Event]) -> None:
    state = State.PROPOSED
    for event in events:
        try:
            following = after(state, event)
        except SteelyardError:
            assert (state, event) not in TRANSITIONS
            continue
        assert not state.ended
        assert RANK[following] >= RANK[state]
        state = following


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_what_is_not_in_the_table_is_a_defect(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(SteelyardError) as caught:
            after(state, event)
        assert caught.value.reason == "INTERNAL"


@pytest.mark.parametrize("state", sorted(set(State) - ENDED))
def test_every_unfinished_state_can_be_refused_aborted_and_delivered(state: State) -> None:
    assert after(state, Event.REFUSE) is State.REFUSED
    assert after(state, Event.ABORT) is State.ABORTED
    assert after(state, Event.DELIVER) is State.DONE


def test_only_a_refusal_refuses() -> None:
    assert ending(PolicyRefused("no")) is Event.REFUSE
    for failure in (Cheated("x"), PartyMissing("x"), TimedOut("x"), SteelyardError("x")):
        assert ending(failure) is Event.ABORT
