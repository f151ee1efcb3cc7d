"""Benchmark: how far one firm's ratio is from the mean of its peers', or its percentile; at least five are peers.

Model       malicious, at most k-1 nodes; for a percentile that of comparison.  Inputs are what their owners say.
Rounds      1 after the inputs are fixed; a percentile those of a comparison.   Sends two field elements to everybody.
Reveals     to the requester: the distance, or the percentile, and the number of peers (who knows the firm's ratio knows
            the mean).  To the nodes: how many firms have the ratio, at how many parties; for a percentile, how many
            each party has.
Follows     summation of Shamir shares (Ben-Or, Goldwasser, Wigderson 1988); steelyard.protocols.compare.
Differs     exact sums, not ciphertexts: no product of secrets is needed once the number of firms is known, so any
            threshold will do, there is no noise, and a lying node is found out.  Owners divide their own items, so
            ratios are compared as they are, to six decimals, and no products of two firms' items are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from steelyard import field, fixedpoint
from steelyard.ckks.ratios import RATIOS, Ratio
from steelyard.ckks.statements import Statements
from steelyard.digest import digest
from steelyard.errors import GroupTooSmall, Invalid, Malformed, NotFound
from steelyard.field import to_signed
from steelyard.functions.about_statements import FIRM, YEAR, AboutStatements, Subject, chosen_rows, items_of
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table, Values
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.bit_to_field import to_field
from steelyard.protocols.compare import less, longest_message
from steelyard.protocols.greet import Greeting
from steelyard.protocols.open_to_nodes import open_to_nodes
from steelyard.randomness import Randomness
from steelyard.rounds import Protocol

MIN_PEERS: Final = 5
SHOWN: Final = 4  # decimals of a result
_UNIT: Final = 10**6  # of a ratio, as an integer
_CAP: Final = 10**5
_ABOVE_ALL: Final = 2 * _CAP * _UNIT  # in place of a ratio that is none
MAX_FIRMS: Final = 8192  # whose ratios are compared
_LAYERS: Final = 5  # the sum of ratios, how many, the subject's, whether it is here, and whether a peer is


class Peers(AboutStatements, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments.  The peers are all firms, or those named in `subjects`, the subject among them."""

    subject: Subject
    ratio: str
    balance: bool = False
    percentile: bool = False  # in place of the distance

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
        if self.firms:
            raise Invalid("a benchmark is over owners' datasets: firms without a node are called for ratios and scores")
        super().check()


class Benchmark(Question[Peers]):
    """Contributors deal four numbers each, whatever the number of their firms."""

    @property
    def parts(self) -> bool:
        return True

    @property
    def multiplies(self) -> bool:
        return self.wanted.percentile

    @property
    def optional(self) -> frozenset[str]:
        return self.wanted.optional

    @property
    def searches(self) -> bool:
        """With other firms around the same one, means would differ by one firm."""
        return True

    @property
    def among(self) -> str:
        chosen = digest("peers", self.wanted.where.encode(), *(each.encode() for each in sorted(self.wanted.subjects)))
        return f"{self.wanted.year} {chosen.hex()[:32]}"

    def rows(self, table: Table) -> int:
        return int(chosen_rows(self.wanted, table).size) if self.wanted.percentile else 0

    def values(self, rows: int) -> int:
        return _LAYERS + rows

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
        found = _values(statements, ratio)
        dealt = [0] * _LAYERS
        for value, mine in zip(found, brought["subject"].tolist(), strict=True):
            if value is not None:
                dealt = [dealt[0] + value, dealt[1] + 1, dealt[2] + mine * value, dealt[3] + mine, 0]
        dealt[4] = int(dealt[1] > dealt[3])
        fixedpoint.check_aggregate(dealt, len(attempt.participants))
        each = [_ABOVE_ALL if value is None else value for value in found] if self.wanted.percentile else []
        return np.array([*dealt, *each], dtype=np.int64)

    def release(self, held: Held) -> Protocol[Released]:
        sums = field.total([share[:_LAYERS] for share in held.shares.values()])
        total, count, own, here, holding = sums.reshape(_LAYERS, 1)
        # 1. How many firms there are, whether the subject is one of them, and how many parties its peers are of.
        opened = yield from open_to_nodes(held.attempt, "firms", np.concatenate([count, here, holding]))
        firms, subjects, holders = to_signed(opened.value).tolist()
        if subjects != 1:
            raise NotFound(
                f"{subjects} parties hold a statement of the subject for which this ratio is defined; exactly one must"
            )
        if firms - 1 < max(MIN_PEERS, held.greeting.minimum_group):
            raise GroupTooSmall(f"the subject has {firms - 1} peers with this ratio; at least {MIN_PEERS} are needed")
        if holders < held.greeting.minimum_group:
            least = held.greeting.minimum_group
            raise GroupTooSmall(
                f"the peers are all in the books of {holders} parties; of {least} at least, or one could make them up"
            )
        size = np.array([firms], dtype=np.uint64)
        if self.wanted.percentile:
            # 2. Of how many the ratio is below the subject's; its own is not, and neither is one that is undefined.
            values = np.concatenate([share[_LAYERS:] for share in held.shares.values()])
            if values.size > MAX_FIRMS:
                raise Invalid(f"at most {MAX_FIRMS} firms are compared: name fewer")
            circle = yield from held.circle()
            bits = yield from less(circle, values, np.repeat(own, values.size))
            below = (yield from to_field(circle, bits, values.size)).reshape(-1, 1)
            return Released(np.concatenate([field.total(list(below)), size]))
        # 2. The distance times the number of peers is a sum now.
        distance = field.subtract(field.scale(firms, own), total)
        return Released(np.concatenate([distance, size]))

    def figures(self, opened: Opening) -> dict[str, Any]:
        found, firms = opened.rows(2, 1)[:, 0].tolist()
        if firms <= MIN_PEERS or (self.wanted.percentile and not 0 <= found < firms):
            raise Malformed("a benchmark among too few, or of more than all")
        if self.wanted.percentile:
            shown = {"percentile": fixedpoint.quotient(100 * found, firms - 1, 0, 1)}
        else:
            shown = {"distance": fixedpoint.quotient(found, (firms - 1) * _UNIT, 0, SHOWN)}
        return {"subject": self.wanted.subject, "ratio": self.wanted.ratio, **shown, "peers": firms - 1}

    def released(self) -> str:
        wanted = self.wanted
        what = (
            f"of how many of a hundred peers in {wanted.dataset} {wanted.ratio} is below that of {wanted.subject}"
            if wanted.percentile
            else f"how far {wanted.ratio} of {wanted.subject} is from the mean of its peers in {wanted.dataset}"
        )
        return f"{what}, and how many they are (at least {MIN_PEERS}); neither the ratio nor any of theirs"

    def leaks(self) -> Sequence[Leak]:
        counted = (Leak("how many firms each party has", "every node, the coordinator, the requester"),)
        known = Leak(
            "how many firms have the ratio, at how many parties, and whether the subject is one of them", "every node"
        )
        return (known, *(counted if self.wanted.percentile else ()))

    def longest(self, participants: int, contributors: int = 0) -> int:
        return longest_message(MAX_FIRMS if self.wanted.percentile else 1, participants)


def _values(statements: Statements, ratio: Ratio) -> list[int | None]:
    """Per firm its ratio in millionths; None for what is undefined, missing or beyond all measure: that is no peer."""
    if not statements.has(*ratio.columns):
        return [None] * statements.rows
    pairs = zip(statements.amount(ratio.numerator).tolist(), statements.amount(ratio.denominator).tolist(), strict=True)
    return [round(Fraction(a * _UNIT, b)) if b and abs(a) <= _CAP * abs(b) else None for a, b in pairs]
