"""Caps: the most that may be cleared of all payables of one firm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steelyard.setoff.network import Network, Topology


def capped(network: Network, caps: Mapping[int, int]) -> Network:
    """Every capped firm becomes two, one that is paid and one that pays, with an arc of the cap's size in between.

    Those that pay are new firms, in the order of `caps`; arcs between the two come last and are worth nothing.
    """
    topology, firms = network.topology, list(caps)
    paying = np.arange(topology.firms)
    paying[firms] = topology.firms + np.arange(len(firms))
    halves = Topology(
        topology.firms + len(firms),
        np.concatenate([paying[topology.payers], np.array(firms, dtype=np.int64)]),
        np.concatenate([topology.payees, paying[firms]]),
    )
    amounts = np.concatenate([network.amounts, np.array(list(caps.values()), dtype=np.int64)])
    worths = np.concatenate([network.worths, np.zeros(len(firms), dtype=np.int64)])
    return Network(halves, amounts, worths)
