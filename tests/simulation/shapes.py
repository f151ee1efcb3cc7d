"""What schedules are run over: sizes, thresholds, adversaries and losses, half of them with a two-faced voter."""

from __future__ import annotations

from typing import Final

from simulation.schedule import Options

HONEST: Final = {
    "2-of-3": Options(3, 2, 1),
    "3-of-3": Options(3, 3, 0),
    "3-of-5": Options(5, 3, 2),
    "3-of-5, a disk is lost": Options(5, 3, 1, losses=1),
    "2-of-4, a disk is lost, nobody lies": Options(4, 2, 0, losses=1, set_back=False),
    "3-of-5, holders change": Options(5, 3, 1, reshares=True, spare=2),
    "2-of-3, a saboteur": Options(3, 2, 1, sabotage=True),
    "3-of-5, a saboteur, a disk is lost": Options(5, 3, 1, losses=1, sabotage=True),
    "3-of-5, a saboteur, holders change": Options(5, 3, 1, reshares=True, spare=2, sabotage=True),
}
TWO_FACED: Final = {
    "2-of-3, one lies": Options(3, 2, 1, two_faced=1),
    "2-of-4, one lies": Options(4, 2, 1, two_faced=1),
    "2-of-5, one lies": Options(5, 2, 1, two_faced=1),
    "3-of-5, one lies, a disk is lost": Options(5, 3, 2, two_faced=1, losses=1),
    "3-of-5, two lie": Options(5, 3, 2, two_faced=2),
    "3-of-5, one lies, holders change": Options(5, 3, 1, two_faced=1, reshares=True, spare=2),
    "2-of-3, a saboteur and a liar": Options(3, 2, 1, two_faced=1, sabotage=True),
    "3-of-5, a saboteur and two liars": Options(5, 3, 2, two_faced=2, sabotage=True),
    "3-of-5, a saboteur and a liar, holders change": Options(5, 3, 1, 1, reshares=True, spare=2, sabotage=True),
}
SHAPES: Final = {**HONEST, **TWO_FACED}
EACH: Final = 560  # schedules of each shape in a test run: more than 10,000 in all
PARTS: Final = 4  # test items per shape, so that two workers share them
