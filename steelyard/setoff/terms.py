"""`Terms`: what everybody agrees on before a set-off round: who takes part, in which order, and what each firm says.

A firm deals vectors whose positions mean the round's firms in this order, so it says under which terms it dealt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from steelyard.digest import digest
from steelyard.documents.manifest import Name
from steelyard.errors import Invalid
from steelyard.ids import PartyId, identifier, party_id
from steelyard.setoff.network import Amounts

Mode = Literal["sealed", "skeleton"]
MOST_SEALED: Final = 500  # firms: a quarter of a million pairs
MOST_FIRMS: Final = 20_000
LEAST_BUCKET: Final = 4  # rows of one side of one firm
MOST_ROWS: Final = 1 << 18  # of all firms together
MOST_LAYERS: Final = 8  # of groups that overlap
_FOREIGN: Final = re.compile(r"[^a-z0-9]+")


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """`minimum`: of one invoice, in minor units.  `today`: with it, debts count more the longer they are overdue.

    `excluded`: groups that do not clear among themselves.  `cash`, `credit`, `caps`: firms say how much of it there is.
    """

    round: Annotated[str, msgspec.Meta(max_length=63)]
    firms: Annotated[tuple[Name, ...], msgspec.Meta(min_length=2, max_length=MOST_FIRMS)]
    mode: Mode = "sealed"
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?\Z")] = ""
    decimals: Annotated[int, msgspec.Meta(ge=0, le=6)] = 0
    minimum: Annotated[int, msgspec.Meta(ge=1, le=1 << 34)] = 1
    today: date | None = None
    excluded: Annotated[tuple[tuple[Name, ...], ...], msgspec.Meta(max_length=1000)] = ()
    cash: bool = False
    credit: bool = False
    caps: bool = False

    @property
    def aged(self) -> bool:
        return self.today is not None

    @property
    def size(self) -> int:
        return len(self.firms)

    @property
    def sealed(self) -> bool:
        return self.mode == "sealed"

    @cached_property
    def tag(self) -> str:
        """Names these terms and no others."""
        return f"round_{digest('set-off terms', msgspec.json.encode(self)).hex()[:32]}"

    def check(self) -> None:
        """Raises Invalid; what the types cannot say."""
        identifier(self.round, "round")
        if len(set(self.firms)) < self.size:
            raise Invalid("a firm takes part in a round once")
        if self.sealed and self.size > MOST_SEALED:
            raise Invalid(f"a sealed round takes at most {MOST_SEALED} firms: clear {self.size} with --mode skeleton")
        for firm in (firm for group in self.excluded for firm in group):
            self.number(firm)
        if not self.sealed and len(self.groups) > MOST_LAYERS:
            raise Invalid(f"in a skeleton round a firm is in at most {MOST_LAYERS} groups that do not clear: join some")

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {firm: number for number, firm in enumerate(self.firms)}

    def __contains__(self, firm: str) -> bool:
        return firm in self._numbers

    def number(self, firm: str) -> int:
        """Its place in the public order; raises Invalid for a firm that does not take part."""
        try:
            return self._numbers[firm]
        except KeyError:
            raise Invalid(f"{firm[:60]} is no firm of this round") from None

    @cached_property
    def groups(self) -> tuple[Amounts, ...]:
        """For every firm a number: those of one number are of one excluded group.  Several where groups overlap."""
        layers: list[dict[str, int]] = []
        for number, group in enumerate(self.excluded):
            layer = next((each for each in layers if not each.keys() & set(group)), None)
            if layer is None:
                layers.append(layer := {})
            layer |= dict.fromkeys(group, number)
        alone = range(len(self.excluded), len(self.excluded) + self.size)
        return tuple(
            np.array([each.get(firm, own) for firm, own in zip(self.firms, alone, strict=True)], dtype=np.int64)
            for each in layers
        )

    @property
    def sides(self) -> tuple[str, ...]:
        """The layers of amounts that have a row, or a cell, for others."""
        return ("payables", "receivables", *(("lends", "borrows") if self.credit else ()))

    def form(self, rows: int) -> Mapping[str, int]:
        """The layers that a firm deals, with their lengths; in a sealed round every firm has a cell for every other.

        Else so many rows on every side, however many it needs there: two numbers would be known of it more easily.
        """
        named = ("creditors", "debtors", *(("borrowers", "lenders") if self.credit else ()))
        worths = ("payable_worths", "receivable_worths") if self.aged else ()
        layers = dict.fromkeys((*self.sides, *(() if self.sealed else named), *worths), rows)
        return {self.tag: 0, **layers, **({"cash": 2} if self.cash else {}), **({"cap": 1} if self.caps else {})}

    def fits(self, layers: Mapping[str, int]) -> bool:
        """Whether a firm dealt what these terms ask for: of more rows than there are firms, all others would pay."""
        rows = layers.get("payables", 0)
        right = rows == (self.size if self.sealed else min(bucket(rows), bucket(self.size - 1)))
        return right and dict(layers) == self.form(rows)


def bucket(rows: int) -> int:
    """The power of two that says how many rows a firm has at most."""
    return max(LEAST_BUCKET, 1 << max(rows - 1, 0).bit_length())


def member(name: str) -> PartyId:
    """The contributor's name for a firm as invoices name it: F017 is f017.  Raises Invalid where there is none."""
    plain = _FOREIGN.sub("-", name.lower()).strip("-")
    return party_id(plain if plain[:1].isalpha() else f"firm-{plain}")


def members(names: list[str]) -> dict[str, PartyId]:
    """By name; raises Invalid where two firms would be the same contributor."""
    found = {name: member(name) for name in names}
    if len(set(found.values())) < len(found):
        raise Invalid("two firms differ only in capitals or punctuation: write their names alike, or more differently")
    return found
