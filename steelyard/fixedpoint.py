"""Money as exact integers of minor units (cents), and back; nothing is ever rounded on the way in.

Every number stays below 2^59 in size, and so does every aggregate (`check_aggregate`): nothing wraps in the field.
No message repeats the number: it may be somebody's secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steelyard.errors import Invalid

BOUND: Final = 1 << 59  # no number and no aggregate reaches it
MAX_DECIMALS: Final = 17  # 10^17 < 2^59 < 10^18
DIGITS: Final = 12  # of a figure that has no last decimal
_NUMBER: Final = re.compile(r"([+-]?)([0-9]{1,40})(?:\.([0-9]{1,40}))?")


def parse(text: str, decimals: int) -> int:
    """The amount in minor units: parse("2500.00", 2) is 250000.

    Raises Invalid for anything but digits with an optional sign and point, for more decimals than declared (zeros
    too), and for amounts of 2^59 minor units or more.
    """
    _check_decimals(decimals)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise Invalid("this is no plain decimal number: write digits with at most one point, such as -2500.00")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > decimals:
        raise Invalid(f"the number has {len(fraction)} decimals, {decimals} are declared")
    amount = int(whole + fraction.ljust(decimals, "0"))
    if amount >= BOUND:
        raise Invalid("the number is too large: 2^59 minor units or more")
    return -amount if sign == "-" else amount


def format(amount: int, decimals: int) -> str:
    """The inverse of `parse`: format(1750000, 2) is "17500.00"."""
    _check_decimals(decimals)
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return ("-" if amount < 0 else "") + whole + ("." + fraction if decimals else "")


def quotient(amount: int, count: int, decimals: int, places: int | None = None) -> str:
    """amount / count, the amount in minor units with `decimals`, rounded half to even at `places` (default: decimals).

    The division is exact; only the last digit is rounded.  Raises Invalid for a count below one.
    """
    _check_decimals(decimals)
    places = decimals if places is None else places
    _check_decimals(places)
    if count < 1:
        raise Invalid("a mean over no values has no meaning")
    return format(round(Fraction(amount * 10**places, count * 10**decimals)), places)


def significant(value: Fraction) -> str:
    """Twelve significant digits, correctly rounded, as a plain decimal number."""
    with localcontext(prec=DIGITS):
        return _plain(Decimal(value.numerator) / Decimal(value.denominator))


def root(square: Fraction) -> str:
    """The square root, to twelve significant digits.  Raises Invalid for a negative number."""
    if square < 0:
        raise Invalid("a negative number has no square root")
    with localcontext(prec=4 * DIGITS):
        exact = (Decimal(square.numerator) / Decimal(square.denominator)).sqrt()
    with localcontext(prec=DIGITS):
        return _plain(+exact)


def aggregate_bound(parties: int) -> int:
    """What each of `parties` inputs must stay below in size so that no sum of them reaches 2^59."""
    if parties < 1:
        raise Invalid("an aggregate needs at least one party")
    return BOUND // parties


def check_aggregate(values: NDArray[np.int64] | Sequence[int], parties: int) -> None:
    """Raises Invalid if one of one party's inputs is as large as `aggregate_bound(parties)`, in either direction."""
    bound = aggregate_bound(parties)
    if isinstance(values, np.ndarray):
        low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    else:
        low, high = min(values, default=0), max(values, default=0)
    if low <= -bound or high >= bound:
        raise Invalid(f"an input is too large to be added over {parties} parties without overflow")


def _check_decimals(decimals: int) -> None:
    if not 0 <= decimals <= MAX_DECIMALS:
        raise Invalid(f"decimals must be from 0 to {MAX_DECIMALS}")


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if number else "0"
