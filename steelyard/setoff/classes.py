"""Classes: up to how many rows each firm is filled in a skeleton, so that no number of rows is that of a few alone."""

from __future__ import annotations

from collections.abc import Sequence


def filled(rows: Sequence[int], least: int) -> list[int]:
    """For every firm its rows, or those of a firm that has more: each number is that of `least` firms, or of all.

    From the most rows downwards, only as many firms are filled up as are missing: those that come first in the round.
    All of it is public, before and after.
    """
    order = sorted(range(len(rows)), key=lambda firm: (-rows[firm], firm))
    found, start = list(rows), 0
    while start < len(order):
        most = rows[order[start]]
        alike = sum(rows[firm] == most for firm in order[start:])
        end = start + max(least, alike)
        if len(order) - end < least:
            end = len(order)
        for firm in order[start:end]:
            found[firm] = most
        start = end
    return found
