"""The exit codes are a promise to other people's scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.cli.exit_codes import EXIT_CODES
from steelyard import errors
from steelyard.errors import SteelyardError


def test_the_table_is_frozen() -> None:
    assert sorted(EXIT_CODES) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]
    with pytest.raises(TypeError):
        EXIT_CODES[9] = "new"  # type: ignore[index]


@pytest.mark.parametrize(
    ("error", "code"),
    [
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
def test_an_error_has_the_code_that_was_promised(error: type[SteelyardError], code: int) -> None:
    assert error("text").exit_code == code


def test_every_error_has_a_code_of_the_table() -> None:
    assert {each.exit_code for each in _tree(SteelyardError)} <= set(EXIT_CODES)


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    assert all(f"| {code} | {meaning}" in page for code, meaning in EXIT_CODES.items())


def _tree(branch: type[SteelyardError]) -> Iterator[type[SteelyardError]]:
    yield branch
    for child in branch.__subclasses__():
        yield from _tree(child)
