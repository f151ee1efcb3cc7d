"""Shamir's sharing of one number with Python integers, and protocols over it that cost next to nothing.

They stand for the real ones in most schedules: same rounds of dealing and voting, same transcripts, no cryptography.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from simulation.dice import Dice

from steelyard.digest import digest
from steelyard.documents.signed import Signed, from_wire, to_wire
from steelyard.epochs.change import Change, share_digest
from steelyard.errors import Cheated, Malformed
from steelyard.ids import PartyId
from steelyard.protocols.vote import Ballot
from steelyard.rounds import Protocol, Round, broadcast

P = 2**61 - 1


@lru_cache(maxsize=4096)
def weights(points: tuple[int, ...], at: int) -> tuple[int, ...]:
    out = []
    for own in points:
        top, bottom = 1, 1
        for x in points:
            if x != own:
                top, bottom = top * (at - x) % P, bottom * (own - x) % P
        out.append(top * pow(bottom, -1, P) % P)
    return tuple(out)


def at(values: Mapping[int, int], point: int) -> int:
    return sum(w * y for w, y in zip(weights(tuple(values), point), values.values(), strict=True)) % P


def deal(dice: Dice, secret: int, threshold: int, points: Sequence[int]) -> dict[int, int]:
    known = {0: secret} | {x: dice.number() % P for x in points[: threshold - 1]}
    return {x: known[x] if x in known else at(known, x) for x in points}


def to_bytes(value: int) -> bytes:
    return value.to_bytes(8, "little")


def from_bytes(share: bytes) -> int:
    return int.from_bytes(share, "little")


def cheap_change(
    me: str, change: Change, share: bytes | None, ballot: Ballot, dice: Dice
) -> Protocol[tuple[Signed, ...]]:
    """Old holders deal their weighted shares (of a refresh: zero) to all new ones; each message names its dealing.

    Hellos come first, as in the real ones: who was told of another change is not dealt with.
    """
    new = change.new
    others = frozenset(PartyId(each) for each in change.voters if each != me)
    hellos = yield Round("hello", dict.fromkeys(others, change.digest.encode()), others)
    if {bytes(each) for each in hellos.values()} - {change.digest.encode()}:
        ballot.abort()
        raise Cheated("somebody was asked something else", suspects=("coordinator",))
    dealers = _dealers(change)
    messages = {}
    mine: dict[str, bytes] = {}
    if me in dealers and share is not None:
        name = dice.token().encode()
        dealt = deal(dice, _part(me, change, share), new.threshold, list(new.points.values()))
        messages = {
            party: name + to_bytes(dealt[new.points[party]] if party in new.points else 0) for party in change.voters
        }
        mine[me] = messages.pop(me)
    received = yield Round(
        "deal", {PartyId(p): m for p, m in messages.items()}, frozenset(map(PartyId, set(dealers) - {me}))
    )
    heard = {**received, **mine}
    transcript = digest("cheap", *(heard[PartyId(dealer)][:32] for dealer in dealers)).hex()
    if me in new.points:
        before = from_bytes(share) if change.kind == "refresh" and share is not None else 0
        fresh = (before + sum(from_bytes(bytes(heard[PartyId(dealer)][32:])) for dealer in dealers)) % P
        body = to_bytes(fresh)
        stood = share_digest(change.slot, me, body)
        ballot.stage(body, stood)
    else:
        stood = ""
    vote = ballot.prepare(transcript, transcript, stood)
    received = yield broadcast("change vote", to_wire(vote), [PartyId(each) for each in change.voters if each != me], 0)
    return (vote, *_votes(received))


def _votes(received: Mapping[PartyId, bytes | bytearray]) -> list[Signed]:
    votes = []
    for message in received.values():
        try:
            votes.append(from_wire(message))
        except Malformed:
            continue
    return votes


def _dealers(change: Change) -> tuple[str, ...]:
    if change.kind == "refresh" or change.old is None:
        return change.voters
    return change.keepers[: change.old.threshold]


def _part(me: str, change: Change, share: bytes) -> int:
    if change.kind == "refresh" or change.old is None:
        return 0
    points = tuple(change.old.points[dealer] for dealer in _dealers(change))
    return weights(points, 0)[points.index(change.old.points[me])] * from_bytes(share) % P
