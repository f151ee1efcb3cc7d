"""Numbers as other people write them: 1.234,56 or 1,234.56 or 1'234 or 1.2E3, where a file is to hold 1234.56.

What they mean cannot be told for sure (1,234 is one thing in Boston and another in Berlin), so they are not converted,
and never taken for texts either: a column of them would import well and be found out when somebody asks for its sum.
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

COMPLAINT: Final = "a number in another notation: write it like 1234.56"
ADVICE: Final = (
    "every cell of this column is a number, but in another notation: write them like 1234.56, or, if they are texts, "
    "declare the column in a schema"
)

_PLAIN: Final = r"[0-9]+(?:\.[0-9]+)?"
_GROUPED: Final = "|".join(
    rf"[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+(?:{point}[0-9]+)?"
    for separator, point in ((r"\.", ","), (",", r"\."), ("['’]", "[.,]"), (r"[ \u00a0\u2009\u202f]", "[.,]"))
)
_FOREIGN: Final = "|".join(
    (
        _GROUPED,
        r"[0-9]*,[0-9]+",  # a decimal comma
        r"\.[0-9]+",
        r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?",  # lakh and crore
        r"[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+",
    )
)
_ANY: Final = f"{_PLAIN}|{_FOREIGN}"
_OURS: Final = f"^[+-]?(?:{_PLAIN})$"
_NUMBER: Final = rf"^(?:[+-]?(?:{_ANY})|(?:{_ANY})-|\((?:{_ANY})\))$"  # bookkeepers' minus signs
_GLANCE: Final = 100  # rows, which tell for nearly every column that it holds texts


def is_foreign(text: str) -> bool:
    """Whether a stripped text is a number, but not as we write it."""
    return re.search(_NUMBER, text) is not None and re.search(_OURS, text) is None


def first_foreign(frame: pl.DataFrame) -> tuple[int, str] | None:
    """Row and column, in reading order, of the first foreign number in a text column that holds nothing but numbers."""
    found = [(row, at, each.name) for at, each in enumerate(frame) if (row := _foreign_row(each)) is not None]
    if not found:
        return None
    row, _, column = min(found)
    return row, column


def _foreign_row(values: pl.Series) -> int | None:
    if values.dtype != pl.String or not _only_numbers(values.head(_GLANCE)) or not _only_numbers(values):
        return None
    texts = values.str.strip_chars()
    foreign = (texts != "") & ~texts.str.contains(_OURS)
    return foreign.arg_max() if foreign.any() else None


def _only_numbers(values: pl.Series) -> bool:
    texts = values.str.strip_chars()
    return bool(((texts == "") | texts.str.contains(_NUMBER)).all())
