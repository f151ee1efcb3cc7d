"""Bits among the parties: dealing them, AND, and opening.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      1 for each call.   Sends n-k bits per dealt bit and per AND (m(n-k) where n is large).
Reveals     nothing but what `open_bits` is asked to open, to all participants.
Follows     Gennaro, Rabin, Rabin 1998: 2k-1 parties deal their weighted local products anew, all add what they get.
Differs     of its local product in GF(2^m) a party deals only the lowest coefficient: the others add up to zero,
            because the product of two bits is a bit.  Dealings are those of steelyard.sharing.bit_dealing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard import bitfield
from steelyard.bitfield import Bits, Matrix
from steelyard.errors import Cheated, Invalid
from steelyard.ids import PartyId
from steelyard.protocols.circle import Circle
from steelyard.protocols.disputes import blaming
from steelyard.randomness import Keystream
from steelyard.rounds import Protocol, Round, broadcast
from steelyard.sharing.bit_recipe import Recipe, recipe

BLOCK: Final = 1 << 13  # words of a row that are expanded at a time; part of the wire format

Terms = NDArray[np.int64]  # (terms, 3): output row, row of the first factor, row of the second


def deal_bits(
    circle: Circle, step: str, dealers: Sequence[PartyId], mine: Bits | None, shape: tuple[int, int]
) -> Protocol[Mapping[PartyId, Bits]]:
    """Shares (m, rows, words) of what each dealer has dealt; `mine` are the (rows, words) bits of a dealer."""
    shares = yield from _deal(circle, step, _kitchen(circle, tuple(dealers), False), mine, shape)
    return {dealer: shares[circle.m * i : circle.m * (i + 1)] for i, dealer in enumerate(dealers)}


def add_dealt(circle: Circle, step: str, mine: Bits | None, shape: tuple[int, int]) -> Protocol[Bits]:
    """A share (m, rows, words) of the sum of what all multipliers deal."""
    share = yield from _deal(circle, step, _kitchen(circle, circle.multipliers, True), mine, shape)
    circle.turn()
    return share


def conjunction(circle: Circle, step: str, a: Bits, b: Bits, terms: Terms | None = None) -> Protocol[Bits]:
    """a AND b, row by row; or, with `terms`, for each output row the sum of products of the rows they name."""
    terms = _row_by_row(a, b) if terms is None else terms
    rows = int(terms[:, 0].max()) + 1
    products = local_products(circle, a, b, terms, rows)
    return (yield from add_dealt(circle, step, products, (rows, a.shape[2])))


def local_products(circle: Circle, a: Bits, b: Bits, terms: Terms, rows: int) -> Bits | None:
    """(rows, words): what a multiplier deals for sums of products of shares; None for other parties."""
    form = multiplication_form(circle)
    if form is None:
        return None
    out = np.zeros((rows, a.shape[2]), dtype=np.uint64)
    bitfield.add_products(form, a, b, terms, out)
    return out


def multiplication_form(circle: Circle) -> bitfield.Matrix | None:
    """The lowest coefficient of my weighted product as a bilinear form; None for a party that deals none."""
    if circle.me not in circle.multipliers:
        return None
    return circle.once(("form", circle.multipliers), lambda: _form(circle))


def _form(circle: Circle) -> bitfield.Matrix:
    weights = bitfield.lagrange(_positions(circle, circle.multipliers), circle.m)
    return bitfield.product_form(weights[circle.multipliers.index(circle.me)], circle.m)


def open_bits(circle: Circle, step: str, share: Bits) -> Protocol[Bits]:
    """(rows, words), to everybody.  Raises Cheated, naming nobody, when the shares are not of bits."""
    m, rows, words = share.shape
    received = yield broadcast(step, bytes(bitfield.to_bytes(share)), circle.others)
    shares = {circle.me: share.reshape(m * rows, words)}
    for party in circle.others:
        with blaming(party):
            shares[party] = bitfield.from_bytes(received[party], m * rows, words)
    return _opened(circle, shares, share.shape)


def _opened(circle: Circle, shares: Mapping[PartyId, Bits], shape: tuple[int, ...]) -> Bits:
    m, rows, words = shape
    base = circle.parties[: circle.threshold]

    def value(at: int) -> Bits:
        out = np.zeros((m, rows * words), dtype=np.uint64)
        for weight, party in zip(bitfield.lagrange(_positions(circle, base), m, at), base, strict=True):
            bitfield.add_mapped(bitfield.scaling(weight, m), shares[party].reshape(m, rows * words), out)
        return out

    bits, further = value(0), circle.parties[circle.threshold :]
    on_one_polynomial = all(
        np.array_equal(value(circle.position(each)).ravel(), shares[each].ravel()) for each in further
    )
    if bits[1:].any() or not on_one_polynomial:
        raise Cheated("the shares of a bit do not fit together", suspects=circle.parties)
    opened: Bits = bits[0].reshape(rows, words)
    return opened


@dataclass(frozen=True, slots=True)
class _Kitchen:
    """A recipe with the parties' names and the streams of the lane."""

    cooking: Recipe
    streams: tuple[Keystream, ...]  # of each random row
    sends: Mapping[PartyId, slice]
    hears: Mapping[PartyId, tuple[slice, Matrix]]


def _kitchen(circle: Circle, dealers: tuple[PartyId, ...], together: bool) -> _Kitchen:
    return circle.once(("kitchen", dealers, together), lambda: _furnished(circle, dealers, together))


def _furnished(circle: Circle, dealers: tuple[PartyId, ...], together: bool) -> _Kitchen:
    cooking = recipe(circle.n, circle.threshold, _positions(circle, dealers), circle.position(circle.me), together)
    names = dict(enumerate(circle.parties, start=1))
    streams = tuple(
        circle.stream("bits", names[dealer], frozenset(names[each] for each in group))
        for dealer, group in cooking.streams
    )
    sends = {names[to]: part for to, part in cooking.sends.items()}
    return _Kitchen(cooking, streams, sends, {names[dealer]: how for dealer, how in cooking.hears.items()})


def _deal(circle: Circle, step: str, kitchen: _Kitchen, mine: Bits | None, shape: tuple[int, int]) -> Protocol[Bits]:
    rows, words = shape
    cooking = kitchen.cooking
    # 1. My bits and the random rows that I know, mapped to shares and messages.
    if cooking.deals and (mine is None or mine.size != rows * words):
        raise Invalid("a dealer deals as many bits as were announced")
    out = _mapped(kitchen, mine, rows * words)
    messages = {to: bitfield.to_bytes(out[part]) for to, part in kitchen.sends.items()}
    received = yield Round(step, messages, frozenset(kitchen.hears))
    # 2. What I was sent, added.
    for dealer, (part, matrix) in kitchen.hears.items():
        with blaming(dealer):
            message = bitfield.from_bytes(received[dealer], matrix.shape[1], rows * words)
        bitfield.add_mapped(matrix, message, out[part])
    return out[: cooking.share_rows].reshape(cooking.share_rows, rows, words)


def _mapped(kitchen: _Kitchen, mine: Bits | None, length: int) -> Bits:
    """(share rows + message rows, length).  Random rows are made block by block and never leave the caches."""
    cooking = kitchen.cooking
    out = np.empty((cooking.before.shape[0], length), dtype=np.uint64)
    block = np.empty((cooking.before.shape[1], min(BLOCK, length)), dtype=np.uint64)
    own = mine.reshape(-1) if cooking.deals and mine is not None else None
    for start in range(0, length, BLOCK):
        count = min(BLOCK, length - start)
        if own is not None:
            block[0, :count] = own[start : start + count]
        for row, stream in zip(block[int(cooking.deals) :], kitchen.streams, strict=True):
            stream.fill(row[:count].data.cast("B"))
        bitfield.set_mapped(cooking.before, block, count, out, start)
    return out


def _row_by_row(a: Bits, b: Bits) -> Terms:
    if a.shape != b.shape:
        raise Invalid("these shares do not fit together")
    return np.repeat(np.arange(a.shape[1], dtype=np.int64)[:, None], 3, axis=1)


def _positions(circle: Circle, parties: Sequence[PartyId]) -> tuple[int, ...]:
    return tuple(circle.position(party) for party in parties)
