"""k-1 lying nodes make a Commit of an epoch far ahead, among themselves: nobody else must believe it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from protocols.forgeries import forged
from protocols.vaults import SHARING, Holders, values

from steelyard.errors import SteelyardError


@pytest.mark.parametrize(("k", "n"), [(3, 5), (3, 3), (4, 7)])
def test_fewer_than_k_nodes_cannot_make_the_others_stale(k: int, n: int) -> None:
    holders = Holders(k, n, values(3))
    liars = tuple(sorted(holders.parties)[: k - 1])
    lie = forged(holders, liars, liars)
    for party in set(holders.parties) - set(liars):
        holders.machines[party].commit(lie)
        assert holders.machines[party].record(SHARING).standing == "active"


def test_fewer_than_k_nodes_cannot_make_another_erase_its_share() -> None:
    """It is made stale; its operator recovers it; the liars deal it what they like, and the machine erases the rest."""
    holders = Holders(3, 5, values(3))
    liars, victim = holders.parties[:2], holders.parties[2]
    lie = forged(holders, liars, (*liars, victim))
    machine, good = holders.machines[victim], holders.commit.change.slot
    machine.commit(lie)
    with suppress(SteelyardError):
        machine.expect(lie)
        holders.stores[victim].put(lie.change.slot, bytes(24), "55" * 32)
        machine.recover(lie, "55" * 32)
    assert holders.stores[victim].digest(good), "the share of the real epoch is erased"
