"""The optimum in clear text, twice and independently, and the baselines that people use instead.

OR-Tools and networkx are an extra: `pip install steelyard[reference]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from steelyard.errors import Failed, Invalid
from steelyard.setoff.network import Amounts, Network


def optimum(network: Network) -> Amounts:
    """The circulation of greatest worth, by OR-Tools' minimum cost flow: an amount for every arc."""
    solver = _extra("ortools.graph.python.min_cost_flow").SimpleMinCostFlow()
    topology = network.topology
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        topology.payers, topology.payees, network.amounts, -network.worths
    )
    if not topology.arcs:
        return np.zeros(0, dtype=np.int64)
    if solver.solve() != solver.OPTIMAL:
        raise Failed("the reference found no optimum")
    return np.array(solver.flows(arcs), dtype=np.int64)


def second_opinion(network: Network) -> int:
    """The greatest worth by networkx' network simplex: slower, and another program."""
    networkx = _extra("networkx")
    graph: Any = networkx.DiGraph()
    topology = network.topology
    graph.add_nodes_from(range(topology.firms))
    for payer, payee, amount, worth in zip(
        topology.payers.tolist(),
        topology.payees.tolist(),
        network.amounts.tolist(),
        network.worths.tolist(),
        strict=True,
    ):
        if graph.has_edge(payer, payee):
            raise Invalid("debts of one pair are added up before networkx sees them")
        graph.add_edge(payer, payee, capacity=amount, weight=-worth)
    cost, _ = networkx.network_simplex(graph)
    return -int(cost)


def worth(network: Network, flow: Amounts) -> int:
    """In sixteenths of a minor unit."""
    return int((network.worths * flow).sum())


def short_cycles(network: Network, longest: int) -> Amounts:
    """What clearing circles of at most `longest` debts one after the other does, the shortest first; 2 is bilateral."""
    topology = network.topology
    left = network.amounts.copy()
    arcs = {(int(i), int(j)): at for at, (i, j) in enumerate(zip(topology.payers, topology.payees, strict=True))}
    owed: dict[int, list[int]] = {}
    for payer, payee in arcs:
        owed.setdefault(payer, []).append(payee)
    for length in range(2, longest + 1):
        for cycle in _cycles(owed, length):
            way = [arcs[one, other] for one, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True)]
            left[way] -= left[way].min()
    cleared: Amounts = network.amounts - left
    return cleared


def _cycles(owed: dict[int, list[int]], length: int) -> Iterator[tuple[int, ...]]:
    """Every circle of so many different firms once, from its smallest."""
    stack: list[tuple[int, ...]] = [(first,) for first in sorted(owed)]
    while stack:
        way = stack.pop()
        if len(way) == length:
            if way[0] in owed.get(way[-1], ()):
                yield way
            continue
        stack += [(*way, follower) for follower in owed.get(way[-1], ()) if follower > way[0] and follower not in way]


def _extra(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise Failed("the clear-text reference needs an extra: pip install steelyard[reference]") from None
