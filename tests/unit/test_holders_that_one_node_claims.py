"""Whom `reshare --add` keeps as holders is not for one node, or for the coordinator, to say."""

from __future__ import annotations

from types import SimpleNamespace

from clients.sdk.sharings import named, sharings_of


def test_one_node_that_claims_a_later_epoch_does_not_choose_the_holders() -> None:
    """The list goes into a request that the operator signs: two honest holders would be removed by adding another."""
    banks = tuple(f"bank-{letter}" for letter in "abcde")
    parties = [standing(bank, 4, banks) for bank in banks[:-1]] + [standing("bank-e", 1 << 40, ("bank-d", "bank-e"))]
    assert named(sharings_of(parties), "pool").holders == banks  # type: ignore[arg-type]


def standing(bank: str, epoch: int, holders: tuple[str, ...]) -> SimpleNamespace:
    said = SimpleNamespace(
        id="5a" * 16, name="pool", dataset="accounts", columns=(), epoch=epoch, standing="active", threshold=3,
        holders=holders, undecided=False,
    )  # fmt: skip
    return SimpleNamespace(id=bank, reachable=True, sharings=(said,))
