"""A node answers with a share of the epoch that its hello names, though a change is committed in between."""

from __future__ import annotations

from dataclasses import replace

from protocols.consortium import Consortium
from protocols.test_stored import POOL, about, kept

from steelyard.digest import digest
from steelyard.errors import SteelyardError
from steelyard.functions.computation import compute
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import run_locally


def test_a_share_of_another_epoch_than_was_offered_is_not_used() -> None:
    """The offer is made with the hello; the share is read later, when `Changes` may have moved on in its thread."""
    consortium = Consortium(3, 2)
    shelves, asked, running = kept(POOL, consortium), about("sum", "@pool"), {}
    late = consortium.parties[0]
    offered = shelves[late].epoch
    shelves[late] = replace(shelves[late], epoch="88" * 32)
    for party, shelf in shelves.items():
        attempt = consortium.attempt(party)
        mine = introduce(attempt, consortium.offer(False, stored=offered))
        noise = lambda identity: Keystream(digest("noise", identity.encode()))  # noqa: E731
        running[party] = compute(
            attempt, asked, mine, None, consortium.ledgers[party], SystemRandomness(), noise, kept=shelf
        )
    assert isinstance(run_locally(running)[late], SteelyardError)
