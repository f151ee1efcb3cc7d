"""Certificates and the machine: what counts as decided, whoever shows it, and what a node refuses."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocols.vaults import NOW, SHARING, Holders, values

from steelyard import records
from steelyard.documents.signed import Signed, sign
from steelyard.epochs.certificate import Abort, Commit, convict, decide
from steelyard.epochs.change import LIFE_MS, Change
from steelyard.epochs.committee import Committee, liars_for, needs, quorum, require
from steelyard.epochs.record import Record
from steelyard.epochs.settlement import Ask, Status, outlook
from steelyard.epochs.votes import Aborted, Prepared, Unlocked
from steelyard.errors import Cheated, Conflict, Invalid, SteelyardError, Unauthenticated


@pytest.fixture
def holders() -> Holders:
    return Holders(2, 3, values(3))


def begun(holders: Holders) -> Change:
    change = holders.change("refresh", holders.committee, holders.committee, holders.committee.holders)
    for machine in holders.machines.values():
        machine.start(change, NOW)
    return change


def prepared(holders: Holders, change: Change) -> list[Signed]:
    votes = []
    for party in holders.parties:
        ballot = holders.ballot(party, change)
        ballot.stage(bytes(24), "77" * 32)
        votes.append(ballot.prepare("88" * 32, "99" * 32, "77" * 32))
    return votes


def vote(holders: Holders, party: str, change: Change, kind: type[Aborted] | type[Unlocked]) -> Signed:
    said = kind(sharing=change.sharing, attempt=change.attempt, change=change.digest)
    return sign(said, party, holders.signing[party])


def test_all_votes_commit_and_one_fewer_does_not(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    assert isinstance(decide(change, votes, holders.keys), Commit)
    assert decide(change, votes[1:], holders.keys) is None
    with pytest.raises(Unauthenticated):
        Commit(change.encode(), tuple(votes[1:])).verify(holders.keys, holders.points)


def test_votes_over_other_checks_do_not_combine(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    other = msgspec.structs.replace(votes[0].expect(Prepared), checks="00" * 32)
    votes[0] = sign(other, votes[0].signer, holders.signing[votes[0].signer])
    assert decide(change, votes, holders.keys) is None


def test_a_forged_vote_commits_nothing_whoever_relays_it(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    for index in range(3):
        forged = msgspec.structs.replace(votes[index], signature=bytes(64))
        with pytest.raises(SteelyardError):
            Commit(change.encode(), (*votes[:index], forged, *votes[index + 1 :])).verify(holders.keys, holders.points)


def test_a_certificate_for_other_terms_than_were_voted_on_is_refused(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    for other in (
        msgspec.structs.replace(change, liars=0),
        msgspec.structs.replace(change, voters=change.voters[:2], liars=0),
        msgspec.structs.replace(change, manifest="00" * 32),
    ):
        with pytest.raises(SteelyardError):
            Commit(other.encode(), tuple(votes)).verify(holders.keys, holders.points)


def test_one_vote_against_gives_nothing_up_and_two_do(holders: Holders) -> None:
    change = begun(holders)
    a, b, c = (vote(holders, party, change, Aborted) for party in holders.parties)
    assert decide(change, [a], holders.keys) is None
    assert decide(change, [a, a], holders.keys) is None
    assert isinstance(decide(change, [a, b], holders.keys), Abort)
    assert isinstance(decide(change, [c, a], holders.keys), Abort)


def test_a_quorum_of_keepers_gives_up_and_fewer_do_not(holders: Holders) -> None:
    change = begun(holders)
    votes = [vote(holders, party, change, Unlocked) for party in holders.parties]
    assert change.giving_up == 3
    assert decide(change, votes[:2], holders.keys) is None
    assert isinstance(decide(change, votes, holders.keys), Abort)


def test_voting_both_ways_is_proof(holders: Holders) -> None:
    change = begun(holders)
    cheat = holders.parties[1]
    one, other = prepared(holders, change)[1], vote(holders, cheat, change, Aborted)
    assert convict(one, other, holders.keys) == cheat
    with pytest.raises(Cheated):
        convict(one, vote(holders, cheat, change, Unlocked), holders.keys)


def test_prepared_and_aborted_exclude_each_other(holders: Holders) -> None:
    change = begun(holders)
    machine = holders.machines[holders.parties[0]]
    prepared(holders, change)
    with pytest.raises(Conflict):
        machine.abort(change)
    other = holders.change("refresh", holders.committee, holders.committee, holders.committee.holders)
    refusal = machine.abort(other)
    assert machine.abort(other) == refusal
    with pytest.raises(Conflict):
        machine.start(other, NOW)


def test_a_vote_waits_for_the_share_to_be_durable(holders: Holders) -> None:
    change = begun(holders)
    machine = holders.machines[holders.parties[0]]
    with pytest.raises(Conflict, match="not on the disk"):
        machine.prepare(change, "88" * 32, "99" * 32, "77" * 32)
    with pytest.raises(Invalid):
        machine.prepare(change, "88" * 32, "99" * 32, "")


def test_nobody_unlocks_before_the_deadline_and_who_did_keeps_both_shares(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    commit = decide(change, votes, holders.keys)
    assert isinstance(commit, Commit)
    party = holders.parties[0]
    machine, store = holders.machines[party], holders.stores[party]
    with pytest.raises(Conflict):
        machine.unlock(change, change.expires_ms)
    late = [each.unlock(change, change.expires_ms + 1) for each in holders.machines.values()]
    machine.commit(commit)
    assert machine.record(change.sharing).base == change.made
    assert len(store.shares) == 2
    abort = decide(change, late, holders.keys)
    assert isinstance(abort, Abort)
    for each in holders.machines.values():
        each.abandon(abort)
        assert each.record(change.sharing).base == change.base
    assert {len(each.shares) for each in holders.stores.values()} == {1}


def test_who_knows_that_a_voter_refused_need_not_wait_for_the_deadline(holders: Holders) -> None:
    change = begun(holders)
    *prepared_, late = holders.parties
    votes = []
    for party in prepared_:
        ballot = holders.ballot(party, change)
        ballot.stage(bytes(24), "77" * 32)
        votes.append(ballot.prepare("88" * 32, "99" * 32, "77" * 32))
    other = holders.change("refresh", holders.committee, holders.committee, holders.parties)
    refused, elsewhere = holders.machines[late].abort(change), holders.machines[late].abort(other)
    machine = holders.machines[prepared_[0]]
    forged = msgspec.structs.replace(refused, signer=prepared_[1])
    for proof in (None, elsewhere, forged, votes[1]):
        with pytest.raises(Conflict, match="may still be decided"):
            machine.unlock(change, NOW, proof)
    found = outlook([status(holders, party) for party in holders.parties], holders.keys, holders.points, NOW)
    assert [(each.party, each.what) for each in found.steps if isinstance(each, Ask)] == [
        (party, "unlock") for party in sorted(prepared_)
    ]
    against = [holders.machines[each].unlock(change, NOW, refused) for each in prepared_]
    abort = decide(change, [refused, *against], holders.keys)
    assert isinstance(abort, Abort)
    machine.abandon(abort)
    assert machine.record(SHARING).undecided is None


def status(holders: Holders, party: str) -> Status:
    return Status(party, holders.machines[party].record(SHARING), sound=True)


def test_the_old_share_goes_with_the_certificate_and_not_before(holders: Holders) -> None:
    change = begun(holders)
    votes = prepared(holders, change)
    assert {len(store.shares) for store in holders.stores.values()} == {2}
    holders.settle(change, votes)
    assert {tuple(store.shares) for store in holders.stores.values()} == {(change.slot,)}


def test_who_missed_a_change_is_stale_and_a_vote_that_it_forgot_makes_it_stale(holders: Holders) -> None:
    party = holders.parties[0]
    machine, before = holders.machines[party], holders.stores[party].load(SHARING)
    assert before is not None
    change = begun(holders)
    votes = prepared(holders, change)
    holders.stores[party].records[change.sharing] = before  # an old copy
    holders.stores[party].claims.clear()
    machine.notice(votes)
    assert machine.record(change.sharing).standing == "stale"
    holders.stores[party].records[change.sharing] = before
    machine.commit(Commit(change.encode(), tuple(votes)))
    assert machine.record(change.sharing).standing == "stale"
    with pytest.raises(Conflict):
        machine.start(holders.change("refresh", holders.committee, holders.committee, holders.parties), NOW)


def test_a_restart_gives_up_what_was_begun_and_keeps_what_was_voted_on(holders: Holders) -> None:
    change = begun(holders)
    first, second = (holders.machines[party] for party in holders.parties[:2])
    first.sweep(change.sharing)
    assert first.record(change.sharing).undecided is None
    ballot = holders.ballot(holders.parties[1], change)
    ballot.stage(bytes(24), "77" * 32)
    ballot.prepare("88" * 32, "99" * 32, "77" * 32)
    second.sweep(change.sharing)
    assert second.record(change.sharing).undecided is not None
    assert len(holders.stores[holders.parties[1]].shares) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"voters": ("bank-a", "bank-b")},
        {"voters": ("bank-c", "bank-b", "bank-a")},
        {"voters": ("bank-a", "bank-b", "bank-x")},
        {"new": Committee(2, {"bank-a": 1, "bank-b": 4, "bank-c": 5})},
        {"new": Committee(3, {"bank-a": 1, "bank-b": 4, "bank-c": 7})},
        {"old": None},
        {"kind": "share"},
        {"liars": 2},
        {"description": "00" * 32},
        {"expires_ms": NOW - 1},
        {"expires_ms": NOW + 2 * LIFE_MS + 1},
    ],
)
def test_a_change_that_is_none_is_not_begun(holders: Holders, changes: dict[str, object]) -> None:
    change = holders.change("refresh", holders.committee, holders.committee, holders.committee.holders)
    with pytest.raises(SteelyardError):
        holders.machines[holders.parties[0]].start(msgspec.structs.replace(change, **changes), NOW)


@given(st.integers(2, 31), st.data())
def test_two_quorums_share_an_honest_holder_and_leave_too_few_old_shares(size: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(2, size))
    liars = data.draw(st.integers(0, liars_for(size, threshold, threshold - 1)))
    voters = quorum(size, threshold, liars)
    assert voters <= size
    assert 2 * voters - size > liars
    assert voters - liars >= threshold
    assert size - voters < threshold


def test_what_is_impossible_says_why() -> None:
    committee = Committee(3, {"bank-a": 1, "bank-b": 4, "bank-c": 7})
    for operation in ("recover", "audit"):
        assert needs(3, 3, 0)[operation].up is None
        with pytest.raises(Invalid, match="n = k"):
            require(operation, committee, 3, 0)
    with pytest.raises(Invalid, match="takes 3 holders, 2"):
        require("refresh", committee, 2, 0)


def test_a_record_survives_being_written_down(holders: Holders) -> None:
    change = begun(holders)
    prepared(holders, change)
    record = holders.machines[holders.parties[0]].record(change.sharing)
    assert records.from_json(msgspec.json.encode(record), Record) == record
