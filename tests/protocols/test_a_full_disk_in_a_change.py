"""Where the new share cannot be kept the attempt is given up at once; it does not hold the sharing until it expires."""

from __future__ import annotations

import pytest
from protocols.vaults import SHARING, Holders, MachineBallot, values

from steelyard.errors import Failed


def test_a_share_that_cannot_be_staged_gives_the_attempt_up(monkeypatch: pytest.MonkeyPatch) -> None:
    holders = Holders(2, 3, values(5))
    poor, stage = holders.parties[0], MachineBallot.stage

    def full(ballot: MachineBallot, share: bytes, digest: str) -> None:
        if ballot.machine is holders.machines[poor]:
            raise Failed("the disk is full")
        stage(ballot, share, digest)

    monkeypatch.setattr(MachineBallot, "stage", full)
    ran = holders.refresh()
    assert isinstance(ran.outcome[poor], Failed)
    assert holders.machines[poor].record(SHARING).undecided is None
