"""One lying node makes an Abort of another change that carries the attempt id of a good one: it must not count."""

from __future__ import annotations

import msgspec
from protocols.vaults import NOW, SHARING, Holders, values

from steelyard.documents.signed import Signed, sign
from steelyard.epochs.certificate import Abort, Commit, decide
from steelyard.epochs.change import Base, Change
from steelyard.epochs.committee import Committee
from steelyard.epochs.settlement import Status, outlook
from steelyard.epochs.votes import Aborted

LIAR = 2  # of three


def forged(holders: Holders, attempt: str, epoch: int) -> Abort:
    """Of a change that nobody but the liar has ever seen, in which no liars are reckoned with."""
    liar, other = holders.parties[LIAR], holders.parties[0]
    pair = Committee(2, {each: holders.points[each] for each in (liar, other)})
    change = Change(
        sharing=SHARING, description="00" * 32, manifest="44" * 32, attempt=attempt, kind="refresh",
        base=Base(epoch - 1, "ee" * 16), old=pair, new=pair, voters=tuple(sorted((liar, other))), liars=0,
        expires_ms=NOW,
    )  # fmt: skip
    said = Aborted(sharing=SHARING, attempt=attempt, change=change.digest)
    return Abort(change.encode(), (sign(said, liar, holders.signing[liar]),))


def prepared(holders: Holders, change: Change) -> list[Signed]:
    votes = []
    for party in holders.parties:
        holders.machines[party].start(change, NOW)
        ballot = holders.ballot(party, change)
        ballot.stage(bytes(24), "77" * 32)
        votes.append(ballot.prepare("88" * 32, "99" * 32, "77" * 32))
    return votes


def test_a_prepared_share_is_not_erased_by_the_abort_of_another_change() -> None:
    """The liar shows it to one honest node, and the Commit to the other: no epoch has k honest holders any more."""
    holders = Holders(2, 3, values(3))
    one, other, _ = holders.parties
    change = holders.change("refresh", holders.committee, holders.committee, holders.parties)
    commit = decide(change, prepared(holders, change), holders.keys)
    assert isinstance(commit, Commit)
    assert change.liars == 1
    holders.machines[one].abandon(forged(holders, change.attempt, change.made.epoch))
    holders.machines[other].commit(commit)
    holders.machines[one].commit(commit)
    bases = [{(slot.epoch, slot.attempt) for slot in holders.stores[party].shares} for party in (one, other)]
    assert bases[0] & bases[1], "one honest node has erased its new share, the other its old one: the values are gone"


def test_a_committed_epoch_is_not_given_up_by_the_abort_of_another_change() -> None:
    holders = Holders(2, 3, values(3))
    ran = holders.refresh()
    holders.settle(ran.change, ran.votes)
    for party in holders.parties[:LIAR]:
        holders.machines[party].abandon(forged(holders, ran.change.attempt, ran.change.made.epoch))
        assert holders.machines[party].record(SHARING).standing == "active"


def test_an_honest_coordinator_does_not_carry_it() -> None:
    """It only has to stand in the liar's own record."""
    holders = Holders(2, 3, values(3))
    ran = holders.refresh()
    holders.settle(ran.change, ran.votes)
    records = {party: holders.stores[party].records[SHARING] for party in holders.parties}
    liar = holders.parties[LIAR]
    lie = forged(holders, ran.change.attempt, ran.change.made.epoch)
    records[liar] = msgspec.structs.replace(records[liar], abandoned=(lie,))
    statuses = [Status(party, record, True) for party, record in records.items()]
    assert not outlook(statuses, holders.keys, holders.points, NOW).steps


def test_the_first_epoch_can_be_refreshed_in_spite_of_it() -> None:
    holders = Holders(2, 3, values(3))
    lie = forged(holders, holders.base.attempt, holders.base.epoch)
    for party in holders.parties[:LIAR]:
        holders.machines[party].abandon(lie)
    ran = holders.refresh()
    holders.settle(ran.change, ran.votes)
    assert holders.base.epoch == 2
