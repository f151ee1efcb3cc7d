from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard import field
from steelyard.errors import Invalid
from steelyard.field import P
from steelyard.randomness import Keystream, SystemRandomness, token
from steelyard.sharing import combination, shamir

SIZES = [0, 1, 31, 32, 33, 1023, 1024, 1025, 2500]


@pytest.mark.parametrize("size", SIZES)
def test_combinations_are_the_bilinear_form_of_the_definition(size: int) -> None:
    seed, vector = token(), field.uniform(SystemRandomness(), size)
    stream, width = Keystream(seed), combination.WIDTH
    columns = field.uniform(stream, 3 * width).tolist()
    rows = field.uniform(stream, 3 * -(-size // width)).tolist()
    values = vector.tolist()
    expected = [
        sum(rows[3 * (i // width) + t] * columns[3 * (i % width) + t] * v for i, v in enumerate(values)) % P
        for t in range(3)
    ]
    assert combination.combine(seed, vector).tolist() == expected


def test_the_largest_values_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combination, "uniform", lambda stream, count: np.full(count, P - 1, dtype=np.uint64))
    top = np.full(5000, P - 1, dtype=np.uint64)
    assert combination.combine(token(), top).tolist() == [P - 5000] * 3


@settings(max_examples=20)
@given(st.sampled_from(SIZES), st.integers(0, P - 1))
def test_combinations_are_linear(size: int, c: int) -> None:
    seed, a, b = token(), *(field.uniform(SystemRandomness(), size) for _ in range(2))
    left = combination.combine(seed, field.combine([c, 1], [a, b]))
    assert np.array_equal(left, field.combine([c, 1], [combination.combine(seed, a), combination.combine(seed, b)]))


def test_combinations_of_shares_are_shares_of_the_combination() -> None:
    secret, seed = field.uniform(SystemRandomness(), 3000), token()
    shares = shamir.share(secret, 3, [1, 2, 3, 4], SystemRandomness())
    combined = {x: combination.combine(seed, share) for x, share in shares.items() if x != 2}
    assert np.array_equal(shamir.reconstruct(combined, 3), combination.combine(seed, secret))


@pytest.mark.parametrize("place", [0, 1023, 1024, 2999])
def test_a_change_anywhere_changes_every_combination(place: int) -> None:
    vector, seed = field.uniform(SystemRandomness(), 3000), token()
    changed = vector.copy()
    changed[place] ^= np.uint64(1)
    assert np.all(combination.combine(seed, vector) != combination.combine(seed, changed))


def test_the_three_challenges_and_two_seeds_are_independent() -> None:
    vector = field.uniform(SystemRandomness(), 10)
    values = combination.combine(token(), vector).tolist() + combination.combine(token(), vector).tolist()
    assert len(set(values)) == 6


def test_no_configuration_lowers_the_number_of_challenges(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHALLENGES", "STEELYARD_CHALLENGES", "STEELYARD_COMBINATION_CHALLENGES"):
        monkeypatch.setenv(name, "1")
    assert list(inspect.signature(combination.combine).parameters) == ["seed", "vector"]
    assert not {"os", "environ", "getenv"} & set(vars(combination))
    assert combination.CHALLENGES == 3
    assert combination.combine(token(), np.ones(5, dtype=np.uint64)).size == 3


def test_read_only_and_strided_vectors_are_taken_others_refused() -> None:
    seed, vector = token(), np.arange(100, dtype=np.uint64)
    expected = combination.combine(seed, vector[::2].copy())
    assert np.array_equal(combination.combine(seed, vector[::2]), expected)
    assert np.array_equal(combination.combine(seed, field.from_bytes(field.to_bytes(vector[::2]), 50)), expected)
    for bad in (vector.astype(np.int64), vector.reshape(10, 10)):
        with pytest.raises(Invalid):
            combination.combine(seed, bad)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        combination.combine(b"short", vector)
