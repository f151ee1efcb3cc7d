"""What the nodes see in a skeleton round: firms of whom others pay as many arcs, under names of this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from protocols.circles import Ring

from steelyard.field import Vector
from steelyard.protocols.circle import Circle
from steelyard.protocols.skeleton_round import gather
from steelyard.rounds import Protocol
from steelyard.setoff.classes import filled
from steelyard.setoff.network import Topology
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.statement import Statement, statements
from steelyard.setoff.terms import Terms, member

FIRMS = 40
NAMES = [f"f{number:02}" for number in range(FIRMS)]
GROUP = 4
TERMS = Terms(round="club", firms=tuple(NAMES), mode="skeleton")
Shares = Mapping[str, Mapping[str, Vector]]  # by firm and layer


def hub(owed: int) -> list[Statement]:
    """F00 owes so many others, who all owe F01 something, and nobody else more than one."""
    lines = [("f00", name, 5) for name in NAMES[1 : owed + 1]] + [(name, "f01", 3) for name in NAMES[2:]]
    return statements(TERMS, [Obligation(str(number), *line) for number, line in enumerate(lines)])


def dealt(ring: Ring, said: Sequence[Statement]) -> dict[str, dict[str, dict[int, Vector]]]:
    """By firm, layer and party."""
    return {
        each.firm: {name: ring.share(layer) for name, layer in each.layers().items()}  # type: ignore[misc]
        for each in said
    }


def seen(ring: Ring, shares: Mapping[str, Mapping[str, Mapping[Any, Vector]]], group: int = GROUP) -> Topology:
    """The graph that is opened to the nodes."""

    def played(circle: Circle) -> Protocol[Topology]:
        declared = {
            TERMS.number(member(firm)): {name: layer[circle.me] for name, layer in layers.items()}
            for firm, layers in sorted(shares.items())
        }
        gathered = yield from gather(circle, TERMS, declared, smaller=False, group=group)
        return gathered.layout.debts

    return ring.run(played)[ring.parties[0]]


def arcs(topology: Topology) -> list[tuple[int, int]]:
    return sorted(zip(topology.payers.tolist(), topology.payees.tolist(), strict=True))


def test_two_runs_over_the_same_contributions_draw_all_names_and_padding_anew() -> None:
    ring = Ring.of(3, 2)
    same = dealt(ring, hub(20))
    one, other = (set(arcs(seen(ring, same))) for _ in range(2))
    assert len(one & other) < len(one) / 2


def test_a_firm_with_more_partners_than_all_others_pays_as_many_arcs_as_some_others() -> None:
    ring, said = Ring.of(3, 2), hub(20)
    rows = [each.rows for each in said]
    assert sorted(rows)[-3:] == [4, 32, 64]  # of the firms that owe many and that many owe
    alone, alike = (np.sort(np.bincount(seen(ring, dealt(ring, said), group).payers)) for group in (1, GROUP))
    most = max(rows)
    assert (alone > most // 2).sum() == 1
    assert (alike > most // 2).sum() == GROUP == filled(rows, GROUP).count(most)
    assert (alike <= np.sort(filled(rows, GROUP))).all()  # less what chance led to the firm itself


def test_a_firm_says_one_number_of_rows_for_both_sides() -> None:
    said = {each.firm: each for each in hub(20)}
    for firm in ("f00", "f01", "f02"):
        lengths = {name: layer.size for name, layer in said[firm].layers().items()}
        assert TERMS.fits(lengths)
        assert set(lengths.values()) == {0, said[firm].rows}
        assert not TERMS.fits({**lengths, "payables": 4, "creditors": 4}) or said[firm].rows == 4
