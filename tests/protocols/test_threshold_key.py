"""The committee's key as a protocol: refreshed shares are of the same key."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from protocols.consortium import Consortium

from steelyard.ckks import committee_key, samplers
from steelyard.ckks.committee_key import KeyShare
from steelyard.ckks.profiles import S
from steelyard.errors import Conflict
from steelyard.protocols.threshold_key import refreshed
from steelyard.randomness import SystemRandomness
from steelyard.rounds import run_locally

STREAM = SystemRandomness()


def test_a_refresh_keeps_the_key_and_voids_the_old_shares() -> None:
    consortium, ring = Consortium(3, 2), S.result
    secret = samplers.uniform(ring, STREAM)
    dealt = committee_key.deal(ring, secret, 2, 3, STREAM)
    old = {party: KeyShare(i, 0, dealt[i]) for i, party in enumerate(consortium.parties)}
    fresh: Any = run_locally(
        {party: refreshed(consortium.attempt(party), ring, share, STREAM) for party, share in old.items()}
    )
    shares = list(fresh.values())
    assert [each.epoch for each in shares] == [1, 1, 1]
    assert np.array_equal(committee_key.combine(ring, shares[1:], 2), secret)
    assert not any(np.array_equal(new.values, old[party].values) for party, new in fresh.items())
    with pytest.raises(Conflict, match="different epochs"):
        committee_key.combine(ring, [old[consortium.parties[0]], shares[1]], 2)
