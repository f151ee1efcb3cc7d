"""Random dealing: dealers share random polynomials, none of which depends on data; a cheat is noticed and named.

Model       malicious; private authenticated channels; at least k honest receivers of each code.
Rounds      3.   Sends n-k vectors per dealer and code, three elements per dealer, then a word; after a cheat, keys.
Reveals     nothing: each combination that is compared is masked by a random polynomial of the same kind.
Follows     batch verification by random combinations (Bellare, Garay, Rabin 1998);
            docs/decisions/0003-fiat-shamir-check.md.
Differs     no rounds of complaints and answers: who finds a fault shows its signed evidence, all give the attempt up
            for good, then dealers open their keys, from which everybody recomputes what each had to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from steelyard.digest import digest
from steelyard.documents.dealing import CheckNote, KeyOpening, PolynomialHeader
from steelyard.documents.signed import Document, Signed, decode, from_wire, sign, to_wire
from steelyard.errors import Malformed, SteelyardError
from steelyard.field import Vector, from_bytes, to_bytes, total
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.protocols.greet import Greeting
from steelyard.protocols.testimony import Scheme, Testimony, commitment, judge
from steelyard.randomness import token
from steelyard.rounds import Protocol, Round, broadcast
from steelyard.sharing.combination import CHALLENGES
from steelyard.sharing.polynomials import Code, deal, masked, sound

_FINE: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class Dealt:
    """By code, the sum of all dealers' shares; and what was said, the same at everybody."""

    shares: Mapping[str, Vector] = field(repr=False)
    transcript: str
    checks: str


@dataclass(slots=True)
class _Hand:
    """What one party deals and is dealt."""

    header: Signed | None = None
    opening: Signed | None = field(default=None, repr=False)
    messages: dict[PartyId, bytes] = field(default_factory=dict, repr=False)
    headers: dict[PartyId, Signed] = field(default_factory=dict)
    held: dict[str, dict[PartyId, Vector]] = field(default_factory=dict, repr=False)
    complaints: list[PartyId] = field(default_factory=list)


def deal_random(
    attempt: Attempt, greeting: Greeting, scheme: Scheme, give_up: Callable[[], None] = lambda: None
) -> Protocol[Dealt]:
    """`give_up` is called when something is wrong, before any key is opened: it makes sure this attempt never counts.

    Raises Cheated: culprits where it is proven who cheated, else the pairs of whom one did.
    """
    scheme = scheme.bound(greeting.digests[party] for party in attempt.participants)
    # 1. Deal; hold what comes against its header.
    hand = _deal(attempt, greeting, scheme)
    messages, hand.messages = hand.messages, {}
    received = yield Round("deal", messages, frozenset(scheme.dealers) - {attempt.me})
    del messages
    for dealer in sorted(received):
        _accept(attempt, greeting, scheme, dealer, received[dealer], hand)
    del received
    # 2. One masked combination of each share, signed.
    transcript = digest("dealt", bytes.fromhex(scheme.context), *(_digest(hand, dealer) for dealer in scheme.dealers))
    note = _note(attempt, scheme, hand, digest("challenge", transcript))
    replies = yield broadcast("check", to_wire(note), attempt.others)
    notes = {attempt.me: note}
    try:
        for party in attempt.others:
            notes[party] = _signed(attempt, party, replies[party], CheckNote)
    except SteelyardError:
        give_up()
        raise
    # 3. Is everybody content?
    fine = _is_fine(attempt, scheme, hand, notes)
    evidence = Testimony(None, tuple(hand.headers.values()), tuple(notes.values()))
    verdict = _FINE if fine else msgspec.json.encode(evidence)
    verdicts = yield broadcast("verdict", verdict, attempt.others)
    if fine and all(bytes(each) == _FINE for each in verdicts.values()):
        checks = digest("checks", *(notes[party].digest for party in attempt.participants))
        shares = {name: total(list(vectors.values())) for name, vectors in hand.held.items()}
        lengths = {code.name: code.length for code in scheme.codes}
        return Dealt({name: each[: lengths[name]] for name, each in shares.items()}, transcript.hex(), checks.hex())
    # 4. Give up for good, then open everything and see who it was.
    give_up()
    hand.held.clear()
    mine = msgspec.structs.replace(evidence, opening=hand.opening)
    told = yield broadcast("open", msgspec.json.encode(mine), attempt.others, 0)
    complaining = {party: bytes(each) for party, each in verdicts.items() if bytes(each) != _FINE}
    raise judge(
        attempt.participants,
        attempt.keys,
        attempt.liars,
        scheme,
        {attempt.me: mine, **_testimonies(told)},
        {**_testimonies(complaining), **({} if fine else {attempt.me: evidence})},
    )


def _deal(attempt: Attempt, greeting: Greeting, scheme: Scheme) -> _Hand:
    hand, me = _Hand(held={code.name: {} for code in scheme.codes if attempt.me in code.points}), attempt.me
    if me not in scheme.dealers:
        return hand
    secrets = {code.secret: token() for code in scheme.codes if code.secret}
    opened, commitments = dict(secrets), {name: commitment(me, name, key) for name, key in secrets.items()}
    bodies: dict[PartyId, list[bytes]] = {party: [] for party in attempt.others}
    for code in scheme.codes:
        keys = {party: greeting.keys.stream_key(scheme.path(code), me, party) for party in code.seeded(me)}
        for party, key in keys.items():
            opened[scheme.place(code, party)] = key
            commitments[scheme.place(code, party)] = commitment(me, scheme.place(code, party), key)
        shares = deal(code, me, keys, secrets.get(code.secret, b""))
        if me in shares:
            hand.held[code.name][me] = shares.pop(me)
        for party in list(shares):
            body = to_bytes(shares.pop(party))
            commitments[scheme.place(code, party)] = commitment(me, scheme.place(code, party), body)
            bodies[party].append(body)
    hand.header = _sign(attempt, PolynomialHeader(dealer=me, commitments=commitments, **_about(attempt, scheme)))
    keys_opened = {place: key.hex() for place, key in opened.items()}
    hand.opening = _sign(attempt, KeyOpening(dealer=me, keys=keys_opened, **_about(attempt, scheme)))
    hand.headers[me] = hand.header
    front = to_wire(hand.header)
    for party in attempt.others:
        hand.messages[party] = b"".join((len(front).to_bytes(4, "little"), front, *bodies.pop(party)))
    return hand


def _accept(
    attempt: Attempt, greeting: Greeting, scheme: Scheme, dealer: PartyId, message: bytes | bytearray, hand: _Hand
) -> None:
    """What a dealer sent, or a complaint."""
    view = memoryview(message)
    front = int.from_bytes(view[:4], "little")
    try:
        signed = _signed(attempt, dealer, bytes(view[4 : 4 + front]), PolynomialHeader)
        header = scheme.header(signed, dealer)
        hand.headers[dealer] = signed
        taken = _shares(attempt, greeting, scheme, dealer, header, view[4 + front :])
    except SteelyardError:
        hand.complaints.append(dealer)
        return
    for name, share in taken.items():
        hand.held[name][dealer] = share


def _shares(
    attempt: Attempt, greeting: Greeting, scheme: Scheme, dealer: PartyId, header: PolynomialHeader, body: memoryview
) -> dict[str, Vector]:
    taken: dict[str, Vector] = {}
    for code in scheme.codes:
        if attempt.me not in code.points:
            continue
        place = scheme.place(code, attempt.me)
        if attempt.me in code.seeded(dealer):
            key = greeting.keys.stream_key(scheme.path(code), dealer, attempt.me)
            content: bytes | memoryview = key
            taken[code.name] = scheme.expand(code, key)
        else:
            content, body = body[: 8 * code.size], body[8 * code.size :]
            taken[code.name] = from_bytes(content, code.size)
        if header.commitments[place] != commitment(dealer, place, content):
            raise Malformed(f"{dealer} dealt something else than it signed", culprits=(dealer,))
    if body:
        raise Malformed(f"{dealer} dealt more than was awaited", culprits=(dealer,))
    return taken


def _note(attempt: Attempt, scheme: Scheme, hand: _Hand, challenge: bytes) -> Signed:
    combinations = {} if hand.complaints else dict(_combinations(scheme.codes, hand, challenge))
    note = CheckNote(
        party=attempt.me,
        headers={dealer: signed.digest.hex() for dealer, signed in hand.headers.items()},
        combinations={place: to_bytes(each).hex() for place, each in combinations.items()},
        complaints=tuple(sorted(hand.complaints)),
        **_about(attempt, scheme),
    )
    return _sign(attempt, note)


def _combinations(codes: Iterable[Code], hand: _Hand, challenge: bytes) -> Iterable[tuple[str, Vector]]:
    for code in codes:
        for dealer, share in hand.held.get(code.name, {}).items():
            yield f"{code.name}/{dealer}", masked(code, challenge, share)


def _is_fine(attempt: Attempt, scheme: Scheme, hand: _Hand, notes: Mapping[PartyId, Signed]) -> bool:
    """Nobody complains, all saw the same headers, and every dealing is what it should be."""
    read = {party: signed.expect(CheckNote) for party, signed in notes.items()}
    mine = read[attempt.me]
    for party, note in read.items():
        if not scheme.is_complete(note, party) or note.complaints or note.headers != mine.headers:
            return False
    for dealer in scheme.dealers:
        said: dict[str, dict[PartyId, Vector]] = {}
        for code in scheme.codes:
            places = {party: read[party].combinations[f"{code.name}/{dealer}"] for party in code.points}
            try:
                said[code.name] = {p: from_bytes(bytes.fromhex(text), CHALLENGES) for p, text in places.items()}
            except Malformed:
                return False
        if not sound(scheme.codes, said):
            return False
    return True


def _testimonies(told: Mapping[PartyId, bytes | bytearray]) -> dict[PartyId, Testimony]:
    """What can be read of them; who says nothing that can be read, says nothing."""
    read = {}
    for party, message in told.items():
        try:
            read[party] = decode(message, Testimony, "testimony")
        except Malformed:
            read[party] = Testimony(None, (), ())
    return read


def _digest(hand: _Hand, dealer: PartyId) -> bytes:
    signed = hand.headers.get(dealer)
    return signed.digest if signed else b""


def _signed(attempt: Attempt, party: PartyId, message: bytes | bytearray, document: type[Document]) -> Signed:
    with blaming(party):
        signed = from_wire(message)
        signed.open(document, {party: attempt.keys[party]})
    return signed


def _sign(attempt: Attempt, document: Document) -> Signed:
    return sign(document, attempt.me, attempt.signing)


def _about(attempt: Attempt, scheme: Scheme) -> dict[str, str]:
    return {"attempt": attempt.attempt, "context": scheme.context}
