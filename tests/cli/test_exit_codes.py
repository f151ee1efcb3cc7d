"""The exit codes are a promise to other people's scripts."""

from __future__ import annotations

import pytest

from clients.cli.exit_codes import EXIT_CODES
from steelyard.errors import tree

PROMISED = {
    1: {"INTERNAL"},
    2: {"INVALID"},
    3: {"NOT_FOUND"},
    4: {"REFUSED", "POLICY_REFUSED", "GROUP_TOO_SMALL", "DIFFERENCING_REFUSED", "BUDGET_EXHAUSTED"},
    5: {"FAILED", "UNREACHABLE", "TIMED_OUT", "PARTY_MISSING", "CANCELLED", "OVERLOADED", "STALE", "STORE_FAULT"},
    6: {"CHEATED", "MALFORMED"},
    7: {"UNAUTHENTICATED"},
    8: {"CONFLICT", "KEY_REPLACED", "OUTDATED"},
}


def test_the_table_is_frozen() -> None:
    assert sorted(EXIT_CODES) == [0, *PROMISED, 130]
    with pytest.raises(TypeError):
        EXIT_CODES[9] = "new"  # type: ignore[index]


def test_every_error_has_the_code_that_was_promised() -> None:
    assert {code: {each.reason for each in tree() if each.exit_code == code} for code in PROMISED} == PROMISED
    assert {each.exit_code for each in tree()} == set(PROMISED)
