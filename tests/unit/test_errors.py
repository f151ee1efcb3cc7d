"""The error tree: three branches, stable reasons, frozen exit codes."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from steelyard import errors
from steelyard.errors import SteelyardError, by_reason


def _every(branch: type[SteelyardError] = SteelyardError) -> Iterator[type[SteelyardError]]:
    yield branch
    for child in branch.__subclasses__():
        yield from _every(child)


EVERY = list(_every())


def test_the_tree_has_three_branches() -> None:
    assert set(SteelyardError.__subclasses__()) == {errors.Refused, errors.Failed, errors.Cheated}


def test_no_two_errors_share_a_reason() -> None:
    assert len({each.reason for each in EVERY}) == len(EVERY)


@pytest.mark.parametrize("error", EVERY, ids=lambda each: each.reason)
def test_a_reason_leads_back_to_its_error(error: type[SteelyardError]) -> None:
    assert by_reason(error.reason) is error


@pytest.mark.parametrize("error", EVERY, ids=lambda each: each.reason)
def test_every_status_is_one_that_grpc_knows(error: type[SteelyardError]) -> None:
    assert error.status in grpc.StatusCode.__members__
    assert error.status != "OK"


@pytest.mark.parametrize("error", EVERY, ids=lambda each: each.reason)
def test_every_error_says_what_to_do_next(error: type[SteelyardError]) -> None:
    assert error.advice.endswith(".")


def test_a_reason_from_a_newer_version_becomes_the_root() -> None:
    assert by_reason("INVENTED_LATER") is SteelyardError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SteelyardError, 1),
        (errors.Invalid, 2),
        (errors.NotFound, 3),
        (errors.PolicyRefused, 4),
        (errors.GroupTooSmall, 4),
        (errors.DifferencingRefused, 4),
        (errors.BudgetExhausted, 4),
        (errors.Unreachable, 5),
        (errors.TimedOut, 5),
        (errors.PartyMissing, 5),
        (errors.Cheated, 6),
        (errors.Malformed, 6),
        (errors.Unauthenticated, 7),
        (errors.Conflict, 8),
    ],
)
def test_exit_codes_are_frozen(error: type[SteelyardError], code: int) -> None:
    assert error.exit_code == code


def test_culprits_and_suspects_are_kept_apart() -> None:
    error = errors.Cheated("a check failed", party="bank-a", culprits=["bank-b"], suspects=iter(["bank-c", "bank-d"]))
    assert (error.message, str(error)) == ("a check failed", "a check failed")
    assert (error.party, error.culprits, error.suspects) == ("bank-a", ("bank-b",), ("bank-c", "bank-d"))
