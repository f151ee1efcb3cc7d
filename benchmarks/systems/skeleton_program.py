"""A skeleton round of set-off as the engine runs it: from shares of what firms say to shares of what each is told."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import Values
from benchmarks.systems.set_off_program import SCHEDULE, SEED, solved
from steelyard import field
from steelyard.field import Vector
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circle import Circle
from steelyard.protocols.circulation import whole
from steelyard.protocols.sealed_round import Declared
from steelyard.protocols.skeleton_round import gather, tell
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, broadcast
from steelyard.setoff.book import Book
from steelyard.setoff.generator import PRESETS, Preset, firms, generate
from steelyard.setoff.network import FULL, Network
from steelyard.setoff.reference import optimum, worth
from steelyard.setoff.statement import Statement, statements
from steelyard.setoff.terms import Terms, member
from steelyard.sharing import shamir

ENOUGH: Final = 99  # per cent of the optimum
_DEBTS: Final = 5  # of a firm
_GROUP: Final = 3  # firms with the same number of rows, as policies ask by default


def preset(size: int) -> Preset:
    """Of so many firms: one that has a name, or one like it."""
    named = [each for each in PRESETS.values() if each.firms == size and each.fitness_spread > 1]
    return named[0] if named else Preset(size, _DEBTS * size, fitness_spread=1.3)


@cache
def region(size: int) -> Network:
    return Book.of(generate(preset(size), SEED), firms=firms(preset(size))).network


@cache
def said(size: int) -> tuple[Terms, tuple[Statement, ...]]:
    """What every firm says that owes or is owed anything."""
    obligations = generate(preset(size), SEED)
    names = tuple(sorted({member(name) for each in obligations for name in (each.debtor, each.creditor)}))
    terms = Terms(round="benchmark", firms=names, mode="skeleton")
    return terms, tuple(statements(terms, obligations))


def shares(attempt: Attempt, size: int) -> tuple[NDArray[Any], ...]:
    """This party's of all layers of all firms, and the number of firms."""
    layers = [layer for each in said(size)[1] for layer in each.layers().values()]
    points = [attempt.points[party] for party in attempt.participants]
    dealt = shamir.share(field.from_signed(np.concatenate(layers)), attempt.threshold, points, Keystream(bytes(32)))
    return dealt[attempt.points[attempt.me]], np.array([size])


def clear(circle: Circle, prepared: tuple[NDArray[Any], ...]) -> Protocol[Any]:
    """A share of what is cleared, as firms are told it, and the number of firms."""
    vector, size = prepared
    terms, every = said(int(size[0]))
    declared = _declared(terms, every, vector)
    gathered = yield from gather(circle, terms, declared, smaller=False, group=_GROUP)
    flow = yield from solved(circle, gathered.layout.topology, gathered.amounts, gathered.worths, SCHEDULE)
    told = yield from tell(circle, terms, declared, gathered, flow, _GROUP)
    payables = [each[: declared[firm]["payables"].size] for firm, each in told.items()]
    return whole(np.concatenate(payables)), size


def opened(circle: Circle, result: Any) -> Protocol[Values]:
    """One if it is enough, for the round is another one every time: arcs stand in an order that nobody knows."""
    share, size = result
    heard = yield broadcast("open", field.to_bytes(share), circle.others)
    shares_ = {circle.points[party]: field.from_bytes(message, 1) for party, message in heard.items()}
    cleared = int(shamir.reconstruct({**shares_, circle.points[circle.me]: share}, circle.threshold)[0])
    network = region(int(size[0]))
    best = worth(network, optimum(network)) // FULL
    return np.array([int(ENOUGH * best <= 100 * cleared <= 100 * best)])


def enough(size: int) -> Values:
    return np.ones(1, dtype=np.int64)


def _declared(terms: Terms, every: tuple[Statement, ...], vector: Vector) -> Declared:
    declared, start = {}, 0
    for each in every:
        layers = {}
        for name, layer in each.layers().items():
            layers[name] = vector[start : start + layer.size]
            start += layer.size
        declared[terms.number(member(each.firm))] = layers
    return dict(sorted(declared.items()))
