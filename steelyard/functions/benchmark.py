"""Benchmark: how far one firm's ratio is from the mean of its peers', of whom there are at least five.

Model       malicious, at most k-1 nodes; inputs are what their owners say.
Rounds      1 after the inputs are fixed.   Sends two field elements to everybody.
Reveals     to the requester: the distance and the number of peers (who knows the firm's ratio knows the mean).  To the
            nodes: how many firms have the ratio.
Follows     summation of Shamir shares (Ben-Or, Goldwasser, Wigderson 1988).
Differs     exact sums, not ciphertexts: no product of secrets is needed once the number of firms is known, so any
            threshold will do, there is no noise, and a lying node is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from steelyard import field, fixedpoint
from steelyard.ckks.ratios import RATIOS
from steelyard.ckks.statements import Statements
from steelyard.errors import GroupTooSmall, Invalid, Malformed, NotFound
from steelyard.field import to_signed
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.functions.statements import FIRM, YEAR, AboutStatements, Subject, chosen_rows, items_of
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Greeting
from steelyard.protocols.open_to_nodes import open_to_nodes
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

MIN_PEERS: Final = 5
SHOWN: Final = 4  # decimals of a result
_UNIT: Final = 10**6  # of a ratio, as an integer
_CAP: Final = 10**5
_LAYERS: Final = 4  # the sum of ratios, how many, the subject's, and whether it is here


class Peers(AboutStatements, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  The peers are all firms, or those named in `subjects`, the subject among them."""

    subject: Subject
    ratio: str
    balance: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        return RATIOS[self.ratio].columns

    @property
    def narrowed(self) -> str:
        return "; ".join(part for part in (super().narrowed, f"{self.ratio} of {self.subject}") if part)

    def check(self) -> None:
        if self.ratio not in RATIOS:
            raise Invalid(f"there is no ratio {self.ratio[:40]!r}: {', '.join(RATIOS)}")
        if self.subjects and self.subject not in self.subjects:
            raise Invalid("the subject is one of the firms it is compared with")
        super().check()


class Benchmark(Question[Peers]):
    """Contributors deal four numbers each, whatever the number of their firms."""

    @property
    def parts(self) -> bool:
        return True

    @property
    def optional(self) -> frozenset[str]:
        return self.wanted.optional

    @property
    def searches(self) -> bool:
        """With other firms around the same one, means would differ by one firm."""
        return True

    def values(self, rows: int) -> int:
        return _LAYERS

    def bring(self, table: Table, rows: int) -> Layers:
        wanted = self.wanted
        chosen = chosen_rows(wanted, table)
        firms = table.texts(FIRM, wanted.selected)
        mine = np.array([firms[row] == wanted.subject for row in chosen], dtype=np.int64)
        return {"subject": mine, **items_of(wanted, table, chosen)}

    def inputs(self, brought: Layers, attempt: Attempt, greeting: Greeting, noise: Randomness) -> Values:
        decimals = dict(zip(self.wanted.columns, greeting.decimals, strict=True))
        columns = {name: each for name, each in brought.items() if name not in ("subject", YEAR)}
        statements, ratio = Statements.of(columns, decimals), RATIOS[self.wanted.ratio]
        if self.wanted.balance:
            statements.check_balance()
        if not statements.has(*ratio.columns):
            return np.zeros(_LAYERS, dtype=np.int64)  # no peers here
        above, below = statements.amount(ratio.numerator), statements.amount(ratio.denominator)
        dealt = [0] * _LAYERS
        for a, b, mine in zip(above.tolist(), below.tolist(), brought["subject"].tolist(), strict=True):
            if b and abs(a) <= _CAP * abs(b):  # undefined ratios, and those beyond all measure, have no part in it
                value = round(Fraction(a * _UNIT, b))
                dealt = [dealt[0] + value, dealt[1] + 1, dealt[2] + mine * value, dealt[3] + mine]
        fixedpoint.check_aggregate(dealt, len(attempt.participants))
        return np.array(dealt, dtype=np.int64)

    def release(self, held: Held) -> Protocol[Released]:
        total, count, own, here = held.sum().reshape(_LAYERS, 1)
        # 1. How many firms there are, and whether the subject is one of them.
        opened = yield from open_to_nodes(held.attempt, "firms", np.concatenate([count, here]))
        firms, subjects = to_signed(opened.value).tolist()
        if subjects != 1:
            raise NotFound(f"{subjects} firms are the subject with a ratio that is defined; exactly one must be")
        if firms - 1 < max(MIN_PEERS, held.greeting.minimum_group):
            raise GroupTooSmall(f"the subject has {firms - 1} peers with this ratio; at least {MIN_PEERS} are needed")
        # 2. The distance times the number of peers is a sum now.
        distance = field.subtract(field.scale(firms, own), total)
        return Released(np.concatenate([distance, np.array([firms], dtype=np.uint64)]))

    def figures(self, opened: Opening) -> dict[str, Any]:
        distance, firms = opened.rows(2, 1)[:, 0].tolist()
        if firms <= MIN_PEERS:
            raise Malformed("a benchmark among too few")
        shown = fixedpoint.quotient(distance, (firms - 1) * _UNIT, 0, SHOWN)
        return {"subject": self.wanted.subject, "ratio": self.wanted.ratio, "distance": shown, "peers": firms - 1}

    def released(self) -> str:
        wanted = self.wanted
        return (
            f"how far {wanted.ratio} of {wanted.subject} is from the mean of its peers in {wanted.dataset}, and how"
            f" many they are (at least {MIN_PEERS}); neither the ratio nor any of theirs"
        )

    def leaks(self) -> Sequence[Leak]:
        return (Leak("how many firms have the ratio, and whether the subject is one of them", "every node"),)
