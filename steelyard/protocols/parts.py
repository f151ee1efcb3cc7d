"""Parts of a bounded number: the low bits of 0 <= y < 2^60 and the carries out of them, from what each adder knows.

Model       semi-honest, at most k-1 of n >= 2k-1 nodes; private authenticated channels.
Rounds      2 + ceil(log2 c) for c digits of k = 2, c = 1 + ceil(bits / 4), or one less for short vectors where
            one bit or one carry is wanted; for k = 3 it takes 3 + ceil(log2(bits + 2)).
            Sends 8.5 bits dealt per low bit at k = 2 (5 for long vectors, in one round more), and up to 64 kB more to
            save a round.
Reveals     nothing.
Follows     Damgard, Fitzi, Kiltz, Nielsen, Toft 2006: the secret as a sum of numbers known to one party each.
Differs     the bound costs one bit and saves all the others above the low ones: see below.

y is the sum of the adders' parts w_j less T P, and as y < 2^60 = 2^61 / 2, the highest h bits of the parts tell T:

    T = floor((sum of the h_j + k-1) / 2^h),    where h_j = floor(w_j / 2^(61-h)) and 2^(h-1) >= k-1,

for the h_j add up to at most T 2^h + 2^(h-1) - 1, and to at least T 2^h - (k-1).  As P = 2^61 - 1, the low d bits of y
are those of the sum of the w_j, and T.  So the numbers (low d bits of w_j) 2^h + h_j and k-1 are added up: what is
carried into bit h is T, what is carried out of the top is what the low bits carry.  Where k = 2, h = 1, T is 1 unless
both highest bits are 0: it needs no tree, so digits may be cut wherever that leaves fewest.  Carry-save steps and the
last addition have k-1 empty places at the bottom, which take the k-1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np

from steelyard import bitfield
from steelyard.bitfield import Bits, flipped
from steelyard.errors import Invalid
from steelyard.field import Vector
from steelyard.protocols.bits import conjunction, deal_bits
from steelyard.protocols.circle import Circle
from steelyard.protocols.compare import MANY
from steelyard.protocols.digits import Digits, compare_digits, differing_bits, low_parts
from steelyard.protocols.multiply import part_of
from steelyard.protocols.prefix import prefix_carries
from steelyard.rounds import Protocol

BITS: Final = 61  # of a part
BOUND: Final = 60  # bits of y
WIDEST: Final = 8  # bits of a digit: the work for a code doubles with every bit
SPARE: Final = 1 << 13  # machine words of codes that may be dealt more, to save a round


def low_bits(circle: Circle, y: Vector, width: int, first: int = 0) -> Protocol[Bits]:
    """Shares (m, width - first, words) of the bits first..width-1 of numbers 0 <= y < 2^60."""
    if not 0 <= first < width <= BOUND:
        raise Invalid(f"a bounded number has the bits 0 to {BOUND - 1}")
    # 1. Two addends, in digits; a digit begins at bit `first`.
    added = yield from _add_parts(circle, y, (first, width - first))
    begin = len(added.digits.widths) - len(_widths(circle, y.size, width - first))
    below, wanted = added.cut(0, -1), added.cut(begin, None)
    # 2. Which digits carry nothing on, which carry on what comes in; and so for the low parts of the wanted digits.
    parts = low_parts(*wanted)
    count = len(below[0].widths)
    both = Digits((*below[0].widths, *parts[0].widths))
    codes = (np.concatenate(each, axis=1) for each in zip(below[1:], parts[1:], strict=True))
    stops, passes = yield from compare_digits(circle, both, *codes)
    # 3. Into which digits nothing is carried, then into which of their bits.
    digits = range(begin - 1, count)
    nothing = yield from prefix_carries(circle, stops[:, :count], passes[:, :count], digits)
    nothing = yield from _into_bits(circle, wanted[0], nothing, stops[:, count:], passes[:, count:])
    # 4. A bit of the sum is u + v + what is carried into it, which is u + ~v + [nothing is].
    return differing_bits(*wanted) ^ nothing


def wraps(circle: Circle, y: Vector) -> Protocol[Bits]:
    """Shares (m, k-1, words) of bits that add up to T, for 0 <= y < 2^60."""
    added = yield from _add_parts(circle, y, ())
    return (yield from _carries(circle, added, [added.head]))


def one_bit(circle: Circle, y: Vector, place: int) -> Protocol[Bits]:
    """Shares (m, 1, words) of the bit at this place of numbers 0 <= y < 2^60."""
    if circle.threshold > 2:
        return (yield from low_bits(circle, y, place + 1, place))
    # 1. Two addends: their highest bit and what is below the place, cut into even digits, then the bit.
    widths = even_widths(1 + place, y.size)
    planes = _planes(circle, y)
    bits = None if planes is None else np.concatenate([planes[-1:], planes[: place + 1]])
    added = yield from _two_parts(circle, bits, 1, Digits((*widths, 1)), bitfield.words(y.size))
    # 2. What is carried into the bit.
    stops, passes = yield from compare_digits(circle, *added.cut(0, -1))
    nothing = yield from prefix_carries(circle, stops, passes, [len(widths) - 1])
    return differing_bits(*added.cut(len(widths), None)) ^ nothing


def wraps_and_carries(circle: Circle, y: Vector, width: int) -> Protocol[Bits]:
    """Shares (m, 2(k-1), words): k-1 bits that add up to T, then k-1 that add up to the carry out of the low bits.

    That is floor((T + sum of the w_j mod 2^width) / 2^width), for 0 <= y < 2^60.
    """
    if not 0 < width <= BOUND:
        raise Invalid(f"a bounded number has the bits 0 to {BOUND - 1}")
    if circle.threshold == 2:
        return (yield from _wrap_and_carry(circle, y, width))
    added = yield from _add_parts(circle, y, (width,))
    return (yield from _carries(circle, added, [added.head, added.head + width]))


def _wrap_and_carry(circle: Circle, y: Vector, width: int) -> Protocol[Bits]:
    """The same of two parts: T by itself from their highest bits, so that these share a digit with the low ones."""
    # 1. The highest bits, and again with the low ones above them, cut into even digits.
    widths = even_widths(1 + width, y.size)
    planes = _planes(circle, y)
    bits = None if planes is None else np.concatenate([planes[-1:], planes[-1:], planes[:width]])
    added = yield from _two_parts(circle, bits, 1, Digits((1, *widths)), bitfield.words(y.size))
    # 2. Nothing wraps if u < v; nothing is carried on if the highest digit that differs says so.
    stops, passes = yield from compare_digits(circle, added.digits, added.u, added.v)
    nothing = yield from prefix_carries(circle, stops[:, 1:], passes[:, 1:], [len(widths) - 1])
    return flipped(np.concatenate([stops[:, :1], nothing], axis=1))


def even_widths(bits: int, count: int) -> tuple[int, ...]:
    """Digits of so many bits for two adders: as few as save a level of the tree, if codes are not much longer so."""
    width = 2 if count >= MANY else 4
    usual = tuple(min(width, bits - first) for first in range(0, bits, width))
    most = Digits(usual).rows + SPARE // max(bitfield.words(count), 1)
    for digits in (1, 2, 4, 8):  # make 0 to 3 levels
        widths = tuple(bits // digits + (digit < bits % digits) for digit in range(min(digits, bits)))
        if widths[0] <= WIDEST and Digits(widths).rows <= most:
            return widths
    return usual


Codes = tuple[Digits, Bits, Bits]


@dataclass(frozen=True, slots=True)
class _Addends:
    """Two numbers u and v that are to be added, and 1."""

    head: int  # bits that tell T, below the others
    digits: Digits
    u: Bits = field(repr=False)  # one-hot code
    v: Bits = field(repr=False)  # thermometer code of the complement, ~v
    saved: tuple[Bits, ...] = field(
        repr=False
    )  # (m, bits, words): what each carry-save step has carried out of every bit

    def cut(self, begin: int, end: int | None) -> Codes:
        """Some of the digits, with their codes."""
        digits = Digits(self.digits.widths[begin:end])
        rows = slice(self.digits.firsts[begin], self.digits.firsts[begin] + digits.rows)
        return digits, self.u[:, rows], self.v[:, rows]


def _carries(circle: Circle, added: _Addends, bits: list[int]) -> Protocol[Bits]:
    """For each of these numbers of low bits, the carries out of them: of the carry-save steps and the last addition."""
    stops, passes = yield from compare_digits(circle, added.digits, added.u, added.v)
    ends = list(accumulate(added.digits.widths))
    last = flipped((yield from prefix_carries(circle, stops, passes, [ends.index(each) for each in bits])))
    rows = [each for i, bit in enumerate(bits) for each in (*(saved[:, bit - 1] for saved in added.saved), last[:, i])]
    return np.stack(rows, axis=1)


def _into_bits(circle: Circle, digits: Digits, nothing: Bits, stops: Bits, passes: Bits) -> Protocol[Bits]:
    """Whether nothing is carried into every bit of the digits, from whether into the digits, and their low parts."""
    if not stops.shape[1]:
        return nothing
    terms, order, low = [], [], 0
    for digit, width in enumerate(digits.widths):
        order += [digit, *range(len(digits.widths) + low, len(digits.widths) + low + width - 1)]
        terms += [(low + i, low + i, digit) for i in range(width - 1)]
        low += width - 1
    through = yield from conjunction(circle, "into bits", passes, nothing, np.array(terms, dtype=np.int64))
    return np.concatenate([nothing, stops ^ through], axis=1)[:, order]


def _add_parts(circle: Circle, y: Vector, lows: tuple[int, ...]) -> Protocol[_Addends]:
    """The highest bits of the parts and, above them, stretches of `lows` low bits; no digit crosses their borders."""
    head = 1 + (circle.threshold - 2).bit_length()
    digits = Digits(tuple(width for low in (head, *lows) for width in _widths(circle, y.size, low)))
    planes = _planes(circle, y)
    part = None if planes is None else np.concatenate([planes[BITS - head :], planes[: sum(lows)]])
    add = _two_parts if circle.threshold == 2 else _many_parts
    return (yield from add(circle, part, head, digits, bitfield.words(y.size)))


def _planes(circle: Circle, y: Vector) -> Bits | None:
    """(61, words): the bits of my part, if I am one of the adders."""
    return bitfield.slice_bits(part_of(circle, y), BITS) if circle.me in circle.adders else None


def _widths(circle: Circle, count: int, bits: int) -> tuple[int, ...]:
    """Digits of this many bits: of one bit where bits are shared, of several where a party knows them."""
    width = 1 if circle.threshold > 2 else 2 if count >= MANY else 4
    return tuple(min(width, bits - first) for first in range(0, bits, width))


def _two_parts(circle: Circle, part: Bits | None, head: int, digits: Digits, words: int) -> Protocol[_Addends]:
    """Each adder deals the codes of its part."""
    first, second = circle.adders
    codes = None
    if part is not None:
        codes = digits.one_hot(part) if circle.me == first else digits.thermometer(~part)
    dealt = yield from deal_bits(circle, "digits", circle.adders, codes, (digits.rows, words))
    return _Addends(head, digits, dealt[first], dealt[second], ())


def _many_parts(circle: Circle, part: Bits | None, head: int, digits: Digits, words: int) -> Protocol[_Addends]:
    """Each adder deals its bits; three addends become two, sum and carry, until two are left."""
    dealt = yield from deal_bits(circle, "bits", circle.adders, part, (digits.rows, words))
    addends, saved = list(dealt.values()), list[Bits]()
    while len(addends) > 2:
        triples = [addends[i : i + 3] for i in range(0, len(addends) - 2, 3)]
        left = np.concatenate([a ^ c for a, _, c in triples], axis=1)
        right = np.concatenate([b ^ c for _, b, c in triples], axis=1)
        products = yield from conjunction(circle, "carry-save", left, right)
        carried = [each ^ c for each, (_, _, c) in zip(np.split(products, len(triples), axis=1), triples, strict=True)]
        sums = [a ^ b ^ c for a, b, c in triples]
        addends = [*sums, *map(_doubled_and_one, carried), *addends[3 * len(triples) :]]
        saved += carried
    u, v = addends
    return _Addends(head, digits, flipped(u), flipped(v), tuple(saved))


def _doubled_and_one(bits: Bits) -> Bits:
    doubled = np.roll(bits, 1, axis=1)
    doubled[:, 0] = 0
    doubled[0, 0] = ~doubled[0, 0]
    return doubled
