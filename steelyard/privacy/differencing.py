"""May one more total be released, given those released before?  Pure mathematics, no clock and no disk.

A release is the set of inputs a total was taken over, an input being a party's data in one version.  Two totals that
differ in one input show that input, and so may a cunning combination of many.  Filters do not count as a difference:
`balance >= -1` selects everything and must not be a way around.

Follows     minimum batch and bounded reuse as in DAP; the rank test is linear algebra over GF(2^61-1), exact here.
Limits      two parties or more singled out *together* by a combination of three or more releases are not noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from steelyard.errors import DifferencingRefused, GroupTooSmall

Input = tuple[str, str]  # party, data version
Release = frozenset[Input]
_Row = dict[Input, int]  # sparse, reduced modulo P, no zeros

P: Final = (1 << 61) - 1
MAX_RELATED: Final = 128  # distinct earlier releases that hang together with the new one


def check(candidate: Release, earlier: Collection[Release], minimum: int) -> None:
    """Returns if `candidate` may be released after `earlier`; `minimum` is the smallest group of parties, at least 2.

    Raises GroupTooSmall or DifferencingRefused.
    """
    parties = _parties(candidate)
    if len(parties) < max(minimum, 2):
        raise GroupTooSmall(f"a result over {len(parties)} parties; the minimum is {max(minimum, 2)}")
    if len(parties) < len(candidate):
        raise DifferencingRefused("a party takes part with two versions of its data")
    if candidate in earlier:
        return
    for release in earlier:
        apart = len(_parties(candidate ^ release))
        if apart < minimum:
            raise DifferencingRefused(
                f"an earlier result on this column differs in the data of {apart} parties; the minimum is {minimum}"
            )
    related = _related(candidate, set(earlier))
    if len(related) > MAX_RELATED:
        raise DifferencingRefused(f"more than {MAX_RELATED} earlier results overlap with this one")
    if singled_out([*related, candidate]):
        raise DifferencingRefused("together with earlier results on this column it would single out one party")


def singled_out(releases: Sequence[Release]) -> frozenset[str]:
    """The parties about whose data alone some linear combination of the releases says something."""
    basis = _reduced(dict.fromkeys(release, 1) for release in releases)
    return frozenset(party for party in _parties(frozenset().union(*releases)) if _exposes(basis, party))


def _parties(inputs: Iterable[Input]) -> frozenset[str]:
    return frozenset(party for party, _ in inputs)


def _related(candidate: Release, earlier: set[Release]) -> list[Release]:
    """Earlier releases that share inputs with the candidate, directly or through others: only these can combine."""
    reached = set(candidate)
    related: list[Release] = []
    while touching := [each for each in earlier if not reached.isdisjoint(each)]:
        related += touching
        earlier = earlier.difference(touching)
        reached.update(*touching)
    return related


def _exposes(basis: dict[Input, _Row], party: str) -> bool:
    """Whether rank(M) > rank(M without the party's columns), for the reduced echelon form `basis` of M.

    Rows whose pivot is another party's stay independent without the party's columns, and rows with a pivot of the party
    are zero at those pivots; so the rank drops exactly if the latter become dependent among themselves.
    """
    own = [{at: v for at, v in row.items() if at[0] != party} for pivot, row in basis.items() if pivot[0] == party]
    return len(_reduced(own)) < len(own)


def _reduced(rows: Iterable[_Row]) -> dict[Input, _Row]:
    """The reduced row echelon form: pivot to its row, which is 1 there; every other row is 0 there."""
    basis: dict[Input, _Row] = {}
    for row in rows:
        rest = row
        for pivot in row.keys() & basis.keys():
            rest = _minus(rest, row[pivot], basis[pivot])
        if not rest:
            continue
        pivot = min(rest)
        inverse = pow(rest[pivot], -1, P)
        new = {at: value * inverse % P for at, value in rest.items()}
        basis = {other: _minus(old, old[pivot], new) if pivot in old else old for other, old in basis.items()}
        basis[pivot] = new
    return basis


def _minus(row: _Row, factor: int, other: _Row) -> _Row:
    """row - factor * other."""
    result = dict(row)
    for at, value in other.items():
        difference = (result.get(at, 0) - factor * value) % P
        if difference:
            result[at] = difference
        else:
            result.pop(at, None)
    return result
