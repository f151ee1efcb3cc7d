"""Admission of contributions: what all nodes hold comes in, what is dealt badly does not, and who is to blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium

from steelyard.digest import digest
from steelyard.errors import Cheated, Malformed, SteelyardError
from steelyard.field import from_signed, uniform
from steelyard.ids import PartyId
from steelyard.protocols.admit import Admitted, Held, admit
from steelyard.randomness import SystemRandomness
from steelyard.rounds import Round, run_locally
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND, masked

Dealt = dict[PartyId, dict[PartyId, Held]]  # node -> contributor -> what it holds
SIZES = [(3, 2), (5, 2), (5, 3), (7, 3)]


def dealt(consortium: Consortium, values: Mapping[str, Sequence[int]], wrong: Sequence[PartyId] = ()) -> Dealt:
    """Every firm deals its values to all; those of `wrong` nodes get a share that is off the polynomial."""
    held: Dealt = {party: {} for party in consortium.parties}
    for firm, numbers in values.items():
        secret = np.concatenate([from_signed(list(numbers)), uniform(SystemRandomness(), BEHIND)])
        shares = shamir.share(secret, consortium.threshold, list(consortium.points.values()), SystemRandomness())
        for party, point in consortium.points.items():
            share = shares[point].copy()
            share[0] ^= np.uint64(party in wrong)
            held[party][PartyId(firm)] = Held(digest("header", firm.encode()), share)
    return held


def played(consortium: Consortium, held: Dealt, tamper: Any = None) -> dict[PartyId, Admitted | SteelyardError]:
    return run_locally(
        {party: admit(consortium.attempt(party), held[party], consortium.threshold) for party in consortium.parties},
        tamper,
    )


def opened(consortium: Consortium, admitted: Mapping[PartyId, Any], firm: str) -> list[int]:
    shares = {consortium.points[party]: each.shares[PartyId(firm)] for party, each in admitted.items()}
    return [int(each) for each in shamir.reconstruct(shares, consortium.threshold)]


@pytest.mark.parametrize(("size", "threshold"), SIZES)
def test_what_all_hold_is_admitted_everywhere(size: int, threshold: int) -> None:
    consortium = Consortium(size, threshold)
    outcome = played(consortium, dealt(consortium, {"firm-x": [3, 4], "firm-y": [5]}))
    assert opened(consortium, outcome, "firm-x") == [3, 4]
    assert opened(consortium, outcome, "firm-y") == [5]
    assert len({each.transcript for each in outcome.values()}) == 1  # type: ignore[union-attr]
    assert all(each.waiting == () for each in outcome.values())  # type: ignore[union-attr]


def test_what_a_node_does_not_have_yet_waits_and_the_rest_goes_on() -> None:
    consortium = Consortium(4, 2)
    held = dealt(consortium, {"firm-x": [3], "firm-y": [5], "firm-z": [6]})
    del held[consortium.parties[1]][PartyId("firm-y")]
    outcome = played(consortium, held)
    assert all(set(each.shares) == {"firm-x", "firm-z"} for each in outcome.values())  # type: ignore[union-attr]
    assert [each.waiting for each in outcome.values()] == [("firm-y",), (), ("firm-y",), ("firm-y",)]  # type: ignore[union-attr]


def test_nothing_at_all_is_no_error() -> None:
    consortium = Consortium(3, 2)
    assert all(each.shares == {} for each in played(consortium, dealt(consortium, {})).values())  # type: ignore[union-attr]


def test_different_contributions_under_one_name_wait() -> None:
    """A firm that signs two headers and gives them to different nodes gets nowhere."""
    consortium = Consortium(3, 2)
    held = dealt(consortium, {"firm-x": [3]})
    other = dealt(consortium, {"firm-x": [4]})[consortium.parties[0]][PartyId("firm-x")]
    held[consortium.parties[0]][PartyId("firm-x")] = Held(digest("header", b"another"), other.share)
    assert all(each.waiting == ("firm-x",) for each in played(consortium, held).values())  # type: ignore[union-attr]


@pytest.mark.parametrize(("size", "threshold", "wrong"), [(5, 2, 2), (7, 3, 3), (7, 2, 2)])
def test_a_dealing_that_no_lying_holders_explain_is_the_contributors_doing(
    size: int, threshold: int, wrong: int
) -> None:
    consortium = Consortium(size, threshold)
    held = dealt(consortium, {"firm-x": [3]})
    for party, each in dealt(consortium, {"firm-y": [9]}, consortium.parties[:wrong]).items():
        held[party] |= each
    for failure in played(consortium, held).values():
        assert isinstance(failure, Cheated)
        assert (failure.culprits, failure.suspects) == (("firm-y",), ())


def test_one_share_that_is_off_is_between_the_contributor_and_the_holder() -> None:
    consortium = Consortium(5, 2)
    outcome = played(consortium, dealt(consortium, {"firm-x": [3], "firm-y": [9]}, consortium.parties[:1]))
    for failure in outcome.values():
        assert isinstance(failure, Cheated)
        assert failure.culprits == ()
        assert set(failure.suspects) == {"firm-x", "firm-y", "bank-a"}


def test_many_firms_of_one_sponsor_cannot_convict_an_honest_holder() -> None:
    """Among nodes, more disputes than there are liars prove a cheat; contributors are not counted among these."""
    consortium = Consortium(5, 2)
    firms = {f"firm-{letter}": [1] for letter in "abcdefgh"}
    for failure in played(consortium, dealt(consortium, firms, consortium.parties[:1])).values():
        assert isinstance(failure, Cheated)
        assert failure.culprits == ()


def test_with_too_few_points_everybody_is_suspect() -> None:
    consortium = Consortium(3, 2)
    for failure in played(consortium, dealt(consortium, {"firm-x": [3]}, consortium.parties[:1])).values():
        assert isinstance(failure, Cheated)
        assert (failure.culprits, set(failure.suspects)) == ((), {"firm-x", *consortium.parties})


def test_a_holder_that_lies_in_the_check_is_suspected_beside_its_firm_and_no_other_is() -> None:
    consortium = Consortium(5, 2)

    def lie(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
        if (sender, round_.step) != ("bank-b", "contributions-check"):
            return message
        changed = bytearray(message)
        changed[-1] ^= 1 << 2
        return changed

    outcome = played(consortium, dealt(consortium, {"firm-x": [3]}), lie)
    for party, failure in outcome.items():
        if party != "bank-b":
            assert isinstance(failure, Cheated)
            assert (failure.culprits, set(failure.suspects)) == ((), {"bank-b", "firm-x"})


def test_who_tells_two_nodes_different_things_is_found_out() -> None:
    consortium = Consortium(5, 2)

    def two_faced(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
        said = (sender, receiver, round_.step)
        return b"\0" if said == ("bank-b", "bank-c", "contributions") else message

    outcome = played(consortium, dealt(consortium, {"firm-x": [3]}), two_faced)
    for party in ("bank-a", "bank-d", "bank-e"):
        failure = outcome[PartyId(party)]
        assert isinstance(failure, Cheated)
        assert set(failure.suspects) | set(failure.culprits) >= {"bank-b", "bank-c"}


@pytest.mark.parametrize(
    "message", [b"", b"\0" + b"\x01" * 31, b"\0" + b"\x02" * 32 + b"\x01" * 32, b"\0" + b"\x01" * 64, b"\x01" * 33]
)
def test_a_list_that_is_none_names_its_sender(message: bytes) -> None:
    consortium = Consortium(3, 2)

    def junk(sender: PartyId, receiver: PartyId, round_: Round, sent: Any) -> Any:
        return message if (sender, round_.step) == ("bank-b", "contributions") else sent

    failure = played(consortium, dealt(consortium, {"firm-x": [3]}), junk)[PartyId("bank-a")]
    assert isinstance(failure, Malformed)
    assert failure.culprits == ("bank-b",)


def test_combinations_cut_short_name_their_sender() -> None:
    consortium = Consortium(3, 2)

    def cut(sender: PartyId, receiver: PartyId, round_: Round, sent: Any) -> Any:
        return bytes(sent)[:-8] if (sender, round_.step) == ("bank-b", "contributions-check") else sent

    failure = played(consortium, dealt(consortium, {"firm-x": [3]}), cut)[PartyId("bank-a")]
    assert isinstance(failure, Malformed)
    assert failure.culprits == ("bank-b",)


def test_a_second_admission_beside_other_firms_shows_nothing_new() -> None:
    """One mask hides one combination: were the challenge another each time, two of them would tell about the values."""
    consortium = Consortium(3, 2)
    held = dealt(consortium, {"firm-x": [3, 4, 5]})
    others = dealt(consortium, {"firm-y": [7]})
    more = {party: each | others[party] for party, each in held.items()}

    def shown(held: Dealt) -> set[bytes]:
        seen: set[bytes] = set()

        def watch(sender: PartyId, receiver: PartyId, round_: Round, message: Any) -> Any:
            if (sender, round_.step) == ("bank-a", "contributions-check"):
                body = bytes(message)[32 * consortium.size :]
                seen.update(body[at : at + 24] for at in range(0, len(body), 24))
            return message

        played(consortium, held, watch)
        return seen

    assert len(shown(held)) == 1
    assert shown(held) < shown(more)


def test_the_check_adds_the_masks() -> None:
    secret = uniform(SystemRandomness(), 10)
    other = secret.copy()
    other[-1] ^= np.uint64(1)
    assert not np.array_equal(masked(bytes(32), secret), masked(bytes(32), other))
