"""Both sides confirm what takes part; a skeleton tells who owes whom under new names, and leads results back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from protocols.behaviour import same_transcript
from protocols.circles import Ring

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.confirmation import confirm, off_diagonal
from steelyard.protocols.skeleton import Submitted, assemble, bring_back, pseudonyms
from steelyard.rounds import Protocol

MOST = (1 << 34) - 1


@pytest.mark.parametrize(("n", "k"), [(3, 2), (5, 3)])
@pytest.mark.parametrize("smaller", [False, True])
def test_what_both_say_takes_part_and_nothing_out_of_bounds(n: int, k: int, smaller: bool) -> None:
    said = [0, 5, 5, 7, MOST, MOST + 1, -3, 0]
    heard = [0, 5, 6, 2, MOST, MOST + 1, -3, 9]
    ring = Ring.of(n, k)
    out = ring.run(lambda circle, one, other: confirm(circle, one, other, smaller), ring.share(said), ring.share(heard))
    amounts = ring.reconstruct({party: each.amounts for party, each in out.items()})
    assert amounts == ([0, 5, 5, 2, MOST, 0, 0, 0] if smaller else [0, 5, 0, 0, MOST, 0, 0, 0])
    agreed = ring.reconstruct({party: each.agreed for party, each in out.items()})
    assert agreed == [int(one == other) for one, other in zip(said, heard, strict=True)]


def test_messages_do_not_tell_what_was_confirmed() -> None:
    ring = Ring.of(3, 2)
    inputs = [(ring.share([1, 2, 3]), ring.share(other)) for other in ([1, 2, 3], [0, 0, 0])]
    assert same_transcript(ring, confirm, inputs)


def test_a_table_without_its_diagonal_is_the_complete_topology() -> None:
    assert off_diagonal(np.arange(9, dtype=np.uint64).reshape(3, 3)).tolist() == [1, 2, 3, 5, 6, 7]


FIRMS = 5
DEBTS = [(0, 1, 10), (1, 2, 20), (2, 0, 30), (3, 0, 40), (3, 4, 50)]
CLAIMS = [(0, 1, 10), (1, 2, 21), (2, 0, 30), (3, 0, 40), (4, 3, 50)]  # one amount differs, one debt is unsaid
BUCKET = 3


def rows(pairs: list[tuple[int, int, int]], owner: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owners, other sides and amounts, every firm with as many rows."""
    own = {firm: [each for each in pairs if each[owner] == firm] for firm in range(FIRMS)}
    full = [
        (firm, *next(iter([(each[1 - owner], each[2]) for each in own[firm][at : at + 1]]), (FIRMS, 0)))
        for firm in range(FIRMS)
        for at in range(BUCKET)
    ]
    table = np.array(full, dtype=np.int64)
    return table[:, 0], table[:, 1], table[:, 2]


def intake(ring: Ring, debts: Any, claims: Any) -> tuple[Any, tuple[Any, ...]]:
    owing, owed = rows(debts, 0), rows(claims, 1)

    def protocol(circle: Circle, one: Vector, two: Vector, three: Vector, four: Vector) -> Protocol[Any]:
        debtors, creditors = Submitted(owing[0], one, two), Submitted(owed[0], three, four)
        labels = yield from pseudonyms(circle, FIRMS)
        skeleton = yield from assemble(circle, labels, debtors, creditors)
        back = yield from bring_back(circle, skeleton, skeleton.amounts)
        return skeleton, back

    return protocol, tuple(ring.share(each) for each in (owing[1], owing[2], owed[1], owed[2]))


def test_a_skeleton_is_the_confirmed_graph_under_other_names_and_results_come_back() -> None:
    ring = Ring.of(3, 2)
    protocol, shared = intake(ring, DEBTS, CLAIMS)
    out = ring.run(protocol, *shared)
    skeletons = [skeleton for skeleton, _ in out.values()]
    topology = skeletons[0].topology
    amounts = ring.reconstruct({party: skeleton.amounts for party, (skeleton, _) in out.items()})
    found = sorted(amount for amount in amounts if amount)
    assert found == [10, 30, 40]
    # The named arcs fit together: 10 leads from where 30 and 40 lead to.
    ends = {amount: (int(topology.payers[at]), int(topology.payees[at])) for at, amount in enumerate(amounts) if amount}
    assert ends[30][1] == ends[40][1] == ends[10][0]
    assert len({ends[10][0], ends[10][1], ends[30][0], ends[40][0]}) == 4
    # Nobody pays more arcs than its bucket, and only what leads nowhere else is missing.
    assert np.bincount(topology.payers).max() <= BUCKET
    back = ring.reconstruct({party: each for party, (_, each) in out.items()})
    owing, owed = rows(DEBTS, 0), rows(CLAIMS, 1)
    said = [(int(o), int(x), b) for o, x, b in zip(owing[0], owing[1], back, strict=False) if b]
    heard = [(int(x), int(o), b) for o, x, b in zip(owed[0], owed[1], back[owing[0].size :], strict=True) if b]
    assert sorted(said) == sorted(heard) == [(0, 1, 10), (2, 0, 30), (3, 0, 40)]


def test_names_are_new_every_time() -> None:
    ring = Ring.of(3, 2)
    protocol, shared = intake(ring, DEBTS, CLAIMS)
    seen = set()
    for _ in range(12):
        skeletons = {party: each[0] for party, each in ring.run(protocol, *shared).items()}
        amounts = ring.reconstruct({party: each.amounts for party, each in skeletons.items()})
        seen.add(int(skeletons[ring.parties[0]].topology.payers[amounts.index(40)]))
    assert len(seen) > 1
