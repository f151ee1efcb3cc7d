"""May one more total be released, given one released before?  Pure mathematics, no clock and no disk.

A release is the set of inputs a total was taken over, an input being a party's data in one version.  Two releases over
one dataset must be over the same inputs, or have no input in common.

Why so strict.  Whoever knows some parties' data, its own or a colluder's, subtracts them; what is left of two releases
that overlap without being equal can single out a party, if not in this pair then together with a third.  Releases that
are equal or disjoint span nothing but sums over whole releases, whatever the colluders know and however many there are.
And the rule is about pairs: any two quorums share an honest node, so no release escapes the comparison.

Filters and columns do not count as a difference: `balance >= -1` selects everything, and row counts are the same for
every column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from steelyard.errors import DifferencingRefused, GroupTooSmall

Input = tuple[str, str]  # party, data version
Release = frozenset[Input]


def check(candidate: Release, earlier: Collection[Release], minimum: int) -> None:
    """Returns if `candidate` may be released after `earlier`; `minimum` is the smallest group of parties, at least 2.

    Raises GroupTooSmall or DifferencingRefused.
    """
    parties = _parties(candidate)
    if len(parties) < max(minimum, 2):
        raise GroupTooSmall(f"a result over {len(parties)} parties; the minimum is {max(minimum, 2)}")
    if len(parties) < len(candidate):
        raise DifferencingRefused("a party takes part with two versions of its data")
    for release in earlier:
        if candidate != release and candidate & release:
            raise DifferencingRefused(
                f"an earlier result on this dataset is over the same data of {len(candidate & release)} parties"
                f" and differs in {len(_parties(candidate ^ release))}"
            )


def _parties(inputs: Iterable[Input]) -> frozenset[str]:
    return frozenset(party for party, _ in inputs)
