"""A round of set-off as nodes run it: what firms say goes in, every firm's notice and the totals come out."""

from __future__ import annotations

import pytest
from protocols.clubs import Club, debts

TRIANGLE = debts(("A", "B", 100), ("B", "C", 70), ("C", "A", 90), ("A", "C", 5), ("D", "A", 40))


@pytest.mark.parametrize("mode", ["sealed", "skeleton"])
def test_every_firm_is_told_its_own_part_and_the_requester_the_totals(mode: str) -> None:
    club = Club.of(TRIANGLE, mode)
    club.all_say(TRIANGLE)
    found = club.clear(steps=20)
    assert found.cleared() == {"1": 70, "2": 70, "3": 75, "4": 5, "5": 0}
    shown = found.figures
    assert (shown["total"], shown["cleared"], shown["remaining"]) == (305, 220, 85)
    assert (shown["firms"], shown["firms_with_setoff"], shown["certified_share"]) == (4, 3, 1.0)
    assert shown["nid_before"] == shown["nid_after"] == 40 + 15
