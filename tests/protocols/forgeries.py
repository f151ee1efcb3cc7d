"""Forgeries: certificates that lying nodes make among themselves."""

from __future__ import annotations

from protocols.vaults import NOW, SHARING, Holders

from steelyard.documents.signed import sign
from steelyard.epochs.certificate import Commit
from steelyard.epochs.change import Base, Change
from steelyard.epochs.committee import Committee
from steelyard.epochs.votes import Prepared


def forged(holders: Holders, liars: tuple[str, ...], committee: tuple[str, ...]) -> Commit:
    """Of an epoch far ahead, at the threshold of as many as lie, signed by them alone."""
    new = Committee(len(liars), {each: holders.points[each] for each in committee})
    change = Change(
        sharing=SHARING, description="33" * 32, manifest="44" * 32, attempt="fe" * 16, kind="refresh",
        base=Base(1000, "ee" * 16), old=new, new=new, voters=tuple(sorted(liars)), liars=0, expires_ms=NOW,
    )  # fmt: skip
    said = Prepared(
        sharing=SHARING, attempt=change.attempt, change=change.digest, transcript="11" * 32, checks="22" * 32,
        share="55" * 32,
    )  # fmt: skip
    return Commit(change.encode(), tuple(sign(said, each, holders.signing[each]) for each in sorted(liars)))
