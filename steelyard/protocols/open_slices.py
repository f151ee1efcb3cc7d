"""Opening in slices: as opening to the nodes, for long vectors, with about two vectors sent instead of n-1.

Model       malicious, at most b = k-1 liars among r replies: a wrong slice is noticed, its opener under suspicion; a
            slice that has not come is opened by everybody.
Rounds      3, or 4 when somebody has dropped out.   Sends each slice to its opener, the opened slice to everybody, and
            3 elements for each slice.
Reveals     the vector, to all participants.
Follows     I. Damgard, J. Nielsen, CRYPTO 2007 (opening by kings), with a check instead of error correction by all.
Differs     each opened slice is held against random combinations of all shares, whose challenge is the slice's hash.
            A packed sharing (steelyard.sharing.packed) has several rows, all of them opened in a slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from steelyard.digest import digest
from steelyard.errors import Cheated, Malformed
from steelyard.field import Vector, from_bytes, to_bytes
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming, usable
from steelyard.rounds import Inbox, Protocol, Round, broadcast
from steelyard.sharing.combination import CHALLENGES, combine
from steelyard.sharing.robust import Opened, deviants, open_robustly
from steelyard.sharing.shamir import evaluate

SLICED: Final = 1 << 14  # values from which on it is worth while


def open_slices(attempt: Attempt, step: str, share: Vector, anchors: Sequence[int] = (0,)) -> Protocol[Opened]:
    """The rows at the anchors, one after the other.  `attempt.threshold` shares give them."""
    slices = _slices(attempt, share.size)
    enough = min(attempt.threshold, len(attempt.others))
    # 1. To every opener my share of its slice.
    parts = {party: to_bytes(share[slices[party]]) for party in attempt.others}
    received = yield Round(step, parts, frozenset(attempt.others), enough)
    mine = _opened(attempt, received, share[slices[attempt.me]], enough, anchors)
    # 2. To everybody the slice that I have opened.
    told = yield broadcast("opened", to_bytes(mine.value), attempt.others, 0)
    found = {attempt.me: mine.value}
    for party, message in told.items():
        with blaming(party):
            found[party] = from_bytes(message, len(anchors) * _size(slices[party]))
    # 3. Combinations of my shares of each slice, under the hash of what was opened; and whose slices are missing.
    seeds = {party: digest("slice", to_bytes(opened)) for party, opened in found.items()}
    own = {party: combine(seed, share[slices[party]]) for party, seed in seeds.items()}
    checks = yield broadcast("checked", _summary(attempt, seeds, own), attempt.others, enough)
    missing, lines = _missing(attempt, checks, found)
    liars = set(mine.liars)
    for party in attempt.participants:
        if party not in missing:
            opened = {at: combine(seeds[party], row) for at, row in _rows(found[party], anchors).items()}
            liars |= _check(attempt, party, seeds[party], opened, own[party], lines)
    # 4. What is missing, from everybody's shares.
    if missing:
        rest = np.concatenate([share[slices[party]] for party in missing])
        received = yield broadcast("rest", to_bytes(rest), attempt.others, enough)
        late = _opened(attempt, received, rest, enough, anchors)
        liars |= set(late.liars)
        found |= _apart(late.value, {party: _size(slices[party]) for party in missing}, len(anchors))
    verified = 1 + len(checks) >= attempt.threshold + max(attempt.liars, 1)
    whole = [row for at in anchors for party in attempt.participants for row in [_rows(found[party], anchors)[at]]]
    return Opened(np.concatenate(whole), verified, tuple(sorted(liars)))


def _slices(attempt: Attempt, size: int) -> dict[PartyId, slice]:
    ends = [size * at // len(attempt.participants) for at in range(len(attempt.participants) + 1)]
    return {party: slice(ends[at], ends[at + 1]) for at, party in enumerate(attempt.participants)}


def _size(part: slice) -> int:
    return int(part.stop - part.start)


def _rows(opened: Vector, anchors: Sequence[int]) -> dict[int, Vector]:
    return dict(zip(anchors, opened.reshape(len(anchors), -1), strict=True))


def _apart(opened: Vector, sizes: Mapping[PartyId, int], rows: int) -> dict[PartyId, Vector]:
    """Slices that were opened as one, each with its part of every row."""
    ends = np.cumsum(list(sizes.values()))[:-1]
    parts = np.split(opened.reshape(rows, -1), ends, axis=1)
    return {party: np.ravel(part) for party, part in zip(sizes, parts, strict=True)}


def _opened(attempt: Attempt, received: Inbox, share: Vector, enough: int, anchors: Sequence[int]) -> Opened:
    def read(party: PartyId, message: bytes | bytearray) -> Vector:
        with blaming(party):
            return from_bytes(message, share.size)

    shares = usable(received, enough, read)
    return open_robustly({**shares, attempt.me: share}, attempt.points, attempt.threshold, attempt.liars, anchors)


def _summary(attempt: Attempt, seeds: Mapping[PartyId, bytes], own: Mapping[PartyId, Vector]) -> bytes:
    """Per slice the hash of what I was told, zeros for nothing, and my combination."""
    nothing = bytes(32 + 8 * CHALLENGES)
    said = {party: seed + to_bytes(own[party]) for party, seed in seeds.items()}
    return b"".join(said.get(party, nothing) for party in attempt.participants)


_Lines = dict[PartyId, list[tuple[bytes, Vector]]]


def _missing(attempt: Attempt, checks: Inbox, found: dict[PartyId, Vector]) -> tuple[list[PartyId], _Lines]:
    """Whose slices somebody lacks, and what everybody said of each slice."""
    length, lines = 32 + 8 * CHALLENGES, _Lines()
    for party, message in checks.items():
        if len(message) != length * len(attempt.participants):
            raise Malformed(f"{party} sent a check of another length", culprits=(party,))
        parts = [bytes(message[at : at + length]) for at in range(0, len(message), length)]
        with blaming(party):
            lines[party] = [(part[:32], from_bytes(part[32:], CHALLENGES)) for part in parts]
    lacking = {
        party
        for at, party in enumerate(attempt.participants)
        if party not in found or any(line[at][0] == bytes(32) for line in lines.values())
    }
    return [party for party in attempt.participants if party in lacking], lines


def _check(
    attempt: Attempt, opener: PartyId, seed: bytes, opened: Mapping[int, Vector], own: Vector, lines: _Lines
) -> set[PartyId]:
    """Holders whose combinations are off; raises Cheated when the slice, of which `opened` has the combination of each
    row, is not what the shares say.
    """
    at = attempt.participants.index(opener)
    if any(line[at][0] != seed for line in lines.values()):
        raise Cheated(f"{opener} told different parties different slices of a sum", suspects=(opener, *sorted(lines)))
    values = {attempt.points[party]: line[at][1] for party, line in lines.items()} | {attempt.points[attempt.me]: own}
    wrong = deviants(values, attempt.threshold, attempt.liars)
    if wrong is None:
        raise Cheated("combinations of shares contradict each other", suspects=(opener, *sorted(lines)))
    good = {point: value for point, value in values.items() if point not in wrong}
    basis = dict(list(good.items())[: attempt.threshold])
    if any(not np.array_equal(evaluate(basis, at), combined) for at, combined in opened.items()):
        raise Cheated(f"{opener} opened another slice of a sum than the shares say", suspects=(opener,))
    return {party for party in attempt.participants if attempt.points[party] in wrong}
