"""The error tree: three branches, stable reasons; the exit codes are in `tests/cli/test_exit_codes.py`."""

from __future__ import annotations

import grpc
import pytest

from steelyard import errors
from steelyard.errors import SteelyardError, by_reason, tree

EVERY = list(tree())


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


def test_culprits_and_suspects_are_kept_apart() -> None:
    error = errors.Cheated("a check failed", party="bank-a", culprits=["bank-b"], suspects=iter(["bank-c", "bank-d"]))
    assert (error.message, str(error)) == ("a check failed", "a check failed")
    assert (error.party, error.culprits, error.suspects) == ("bank-a", ("bank-b",), ("bank-c", "bank-d"))
