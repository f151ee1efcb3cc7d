"""Joint keys, the committee's key, division under them, and decryption in parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from unit.key_holders import STREAM, Holders

from steelyard.ckks import ciphertext, committee_key, samplers
from steelyard.ckks.ciphertext import Ciphertext
from steelyard.ckks.committee_key import KeyShare
from steelyard.ckks.decryption import OneTimeKey, fuse
from steelyard.ckks.division import normalised
from steelyard.ckks.profiles import S, T
from steelyard.ckks.scheme import Quotient
from steelyard.ckks.tenseal_scheme import SealEvaluator
from steelyard.ckks.worker import Worker, Workers
from steelyard.errors import Conflict, Failed, Invalid, Malformed, PartyMissing, PolicyRefused, TimedOut
from steelyard.randomness import Keystream


@pytest.fixture(scope="module")
def holders() -> Holders:
    return Holders.of(T)


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray]:
    """8192 ratios of up to 20 with denominators from 10^3 to 10^12, half of them negative."""
    stream = Keystream(bytes(range(32)))
    unit = np.frombuffer(stream.bytes(16 * T.slots), dtype="<u8").reshape(2, T.slots) / 2.0**64
    below = np.exp(np.log(1e3) + unit[0] * np.log(1e9)) * np.where(np.arange(T.slots) % 2, 1, -1)
    return below * np.exp(np.log(0.05) + unit[1] * np.log(400)), below


@pytest.fixture(scope="module")
def quotient(holders: Holders, truth: tuple[np.ndarray, np.ndarray]) -> Quotient:
    pair = normalised(T.plan, truth[0] / truth[1], STREAM)
    return Quotient([holders.encrypt(pair.numerators)], holders.encrypt(pair.denominators))


@pytest.fixture(scope="module")
def evaluator(holders: Holders) -> Iterator[SealEvaluator]:
    made = SealEvaluator(T, holders.joint.relin)
    yield made
    made.close()


@pytest.fixture(scope="module")
def result(evaluator: SealEvaluator, quotient: Quotient) -> Ciphertext:
    return evaluator.divide(quotient)


def test_eight_thousand_ratios_are_right_to_nine_digits(
    holders: Holders, result: Ciphertext, truth: tuple[np.ndarray, np.ndarray]
) -> None:
    found = holders.raw(result, T.result_scale)
    assert np.abs(found / (truth[0] / truth[1]) - 1).max() <= 1e-9


def test_the_largest_ratio_of_the_cap_does_not_wrap(holders: Holders, evaluator: SealEvaluator) -> None:
    above, below = np.full(T.slots, -T.cap * 7), np.full(T.slots, 7.0)
    pair = normalised(T.plan, above / below, STREAM)
    found = holders.raw(
        evaluator.divide(Quotient([holders.encrypt(pair.numerators)], holders.encrypt(pair.denominators))),
        T.result_scale,
    )
    assert np.abs(found + T.cap).max() < 1e-4


def test_everybody_evaluates_to_the_same_bytes(holders: Holders, quotient: Quotient, result: Ciphertext) -> None:
    with Worker(T) as worker:
        worker.open(holders.joint)
        assert worker.divide(quotient).write() == result.write()


def test_a_process_made_ready_by_the_last_request_serves_the_next(
    holders: Holders, quotient: Quotient, result: Ciphertext
) -> None:
    workers = Workers()
    try:
        first = None
        for _ in range(2):
            ready = workers._ready
            assert (ready is None) == (first is None)
            with Worker(T, workers=workers) as worker:
                assert ready is None or worker._process is ready
                first = worker._process
                worker.open(holders.joint)
                assert worker.divide(quotient).write() == result.write()
            assert first is not None
            assert first.poll() is not None  # a process that has seen a key serves nobody else
    finally:
        workers.close()


@pytest.mark.parametrize("threshold", [2, 3])
def test_owners_and_any_k_of_the_committee_decrypt_within_the_bound(
    holders: Holders, result: Ciphertext, truth: tuple[np.ndarray, np.ndarray], threshold: int
) -> None:
    owners, committee = (
        holders.owner_keys(),
        [OneTimeKey(T.result, share.values) for share in holders.shares(threshold)],
    )
    for key in (*owners, *committee):
        key.allow([result])
    parts = [key.part(result, T.flood, STREAM) for key in owners]
    shared = {i: key.part(result, T.share, STREAM) for i, key in enumerate(committee)}
    for chosen in combinations(range(3), threshold):
        found = fuse(T, result.c0, parts, {i: shared[i] for i in chosen}, threshold, T.result_scale)
        worst = np.abs(found - truth[0] / truth[1]).max()
        assert 1e-7 < worst <= T.flood_error(3) + 1e-8  # the noise is there, and within its bound
    with pytest.raises(PartyMissing):
        fuse(T, result.c0, parts, {0: shared[0]}, threshold, T.result_scale)
    without = fuse(T, result.c0, parts[1:], shared, threshold, T.result_scale)
    assert np.abs(without).min() > 1e3  # without an owner's part there is nothing but noise


def test_a_key_decrypts_only_its_own_evaluation_and_that_once(holders: Holders, result: Ciphertext) -> None:
    key = holders.owner_keys()[0]
    with pytest.raises(PolicyRefused, match="evaluated itself"):
        key.part(result, T.flood, STREAM)
    key.allow([result])
    with pytest.raises(PolicyRefused, match="evaluated itself"):
        key.part(result + result, T.flood, STREAM)
    key.part(result, T.flood, STREAM)
    with pytest.raises(Conflict, match="decrypted before"):
        key.part(result, T.flood, STREAM)
    with pytest.raises(Conflict, match="one evaluation"):
        key.allow([result + result])


def test_a_key_and_its_share_print_nothing(holders: Holders) -> None:
    share = holders.shares(2)[0]
    shown = repr(holders.owner_keys()[0]) + repr(share)
    assert str(int(share.values[0, 0])) not in shown
    assert "_secret" not in shown


def test_refreshed_shares_are_of_the_same_key_and_mixed_epochs_fail() -> None:
    ring = S.result
    secret = samplers.uniform(ring, STREAM)
    shares = [KeyShare(i, 0, each) for i, each in enumerate(committee_key.deal(ring, secret, 2, 4, STREAM))]
    zeros = [committee_key.deal(ring, ring.zeros(), 2, 4, STREAM) for _ in range(4)]
    fresh = [each.refreshed(ring, [dealt[i] for dealt in zeros]) for i, each in enumerate(shares)]
    for chosen in combinations(fresh, 2):
        assert np.array_equal(committee_key.combine(ring, chosen, 2), secret)
    with pytest.raises(Conflict, match="different epochs"):
        committee_key.combine(ring, [shares[0], fresh[1]], 2)
    disguised = KeyShare(1, 0, fresh[1].values)
    assert not np.array_equal(committee_key.combine(ring, [shares[0], disguised], 2), secret)
    with pytest.raises(Invalid):
        committee_key.combine(ring, fresh[:1], 2)


def test_fewer_than_k_shares_fit_every_key() -> None:
    ring = S.result
    one, other = (samplers.uniform(ring, STREAM) for _ in range(2))
    share = committee_key.deal(ring, one, 2, 3, STREAM)[0]
    second = ring.scale(2, share)
    weights = committee_key.weights([0, 2])  # a share of member 2 exists for any key there could be
    rest = ring.subtract(other, ring.scale(weights.numerators[0], share))
    fitting = ring.scale([pow(weights.numerators[2], -1, q) for q in ring.primes], rest)
    found = committee_key.combine(ring, [KeyShare(0, 0, share), KeyShare(2, 0, fitting)], 2)
    assert np.array_equal(found, other)
    assert second.shape == ring.shape


def test_weights_of_a_committee_stay_small() -> None:
    for chosen in combinations(range(7), 4):
        weights = committee_key.weights(chosen)
        assert weights.denominator < 1 << T.committee
        assert sum(weights.numerators.values()) == weights.denominator


def test_ciphertexts_of_another_profile_or_with_wrong_residues_are_refused(result: Ciphertext) -> None:
    data = bytearray(result.write())
    assert ciphertext.read(T.result, data).write() == bytes(data)
    with pytest.raises(Malformed, match="not of this profile"):
        ciphertext.read(S.result, data)
    data[7] = 255
    with pytest.raises(Malformed, match="corrupted"):
        ciphertext.read(T.result, data)


def test_the_worker_sees_nothing_of_the_nodes_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_PASSPHRASE", "correct horse")
    with Worker(T) as worker:
        assert worker._process is not None
        seen = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    assert b"PYTHONPATH=" in seen
    assert b"correct horse" not in seen


def test_the_worker_is_killed_at_its_deadline(holders: Holders) -> None:
    with Worker(T, seconds=0.05) as worker, pytest.raises(TimedOut):
        worker.open(holders.joint)


def test_the_worker_may_not_take_more_memory_than_it_was_given(holders: Holders) -> None:
    with Worker(T, memory=64 << 20) as worker, pytest.raises(Failed):
        worker.open(holders.joint)


def test_a_worker_that_was_not_started_or_has_no_key_says_so(holders: Holders, quotient: Quotient) -> None:
    with pytest.raises(Conflict):
        Worker(T).open(holders.joint)
    with Worker(T) as worker, pytest.raises(Conflict, match="key first"):
        worker.divide(quotient)
