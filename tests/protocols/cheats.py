"""Cheats in what is dealt for a stored sharing: one wrong element or one wrong word of one party, correctly signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from protocols.vaults import Holders

from steelyard import records
from steelyard.documents.dealing import CheckNote, KeyOpening
from steelyard.documents.signed import Document, from_wire, sign, to_wire
from steelyard.field import P, Vector
from steelyard.ids import PartyId
from steelyard.protocols import deal_random
from steelyard.protocols.testimony import Testimony
from steelyard.randomness import token
from steelyard.rounds import Message, Round
from steelyard.sharing import polynomials
from steelyard.sharing.polynomials import Code


def below(bound: int) -> int:
    return int.from_bytes(token(8), "little") % bound


def shifted(vector: Vector) -> Vector:
    """Another value of the field in one place."""
    wrong = vector.copy()
    at = below(vector.size)
    wrong[at] = np.uint64((int(wrong[at]) + 1 + below(P - 1)) % P)
    return wrong


def shift_bytes(body: bytes) -> bytes:
    return shifted(np.frombuffer(body, dtype="<u8").astype(np.uint64)).tobytes()


def deal_wrongly(patch: pytest.MonkeyPatch, villain: PartyId, name: str, *, own: bool = False) -> None:
    """One element of what the villain deals to one receiver is off, and its header says just what it deals."""

    def deal(code: Code, dealer: PartyId, keys: Mapping[PartyId, bytes], secret: bytes) -> dict[PartyId, Vector]:
        shares = polynomials.deal(code, dealer, keys, secret)
        receivers = sorted(shares.keys() & {villain} if own else shares.keys() - {villain})
        if dealer == villain and code.name == name and receivers:
            victim = receivers[below(len(receivers))]
            shares[victim] = shifted(shares[victim])
        return shares

    patch.setattr(deal_random, "deal", deal)


@dataclass
class Lie:
    """Changes what `who` says in one step, to everybody or to one victim."""

    holders: Holders
    who: PartyId
    step: str
    change: Callable[[Lie, bytes], bytes]
    victim: str = ""
    told: int = 0
    kept: bytes = b""

    def __call__(self, sender: PartyId, receiver: PartyId, round_: Round, message: Message) -> Message:
        if (sender, round_.step) != (self.who, self.step) or self.victim not in ("", receiver):
            return message
        self.told += 1
        self.kept = self.kept or self.change(self, bytes(message))  # the same lie to everybody
        return self.kept

    def signed(self, document: Document) -> bytes:
        return to_wire(sign(document, self.who, self.holders.signing[self.who]))


def other_combination(lie: Lie, message: bytes) -> bytes:
    note = from_wire(message).expect(CheckNote)
    place = sorted(note.combinations)[below(len(note.combinations))]
    wrong = shift_bytes(bytes.fromhex(note.combinations[place])).hex()
    return lie.signed(msgspec.structs.replace(note, combinations={**note.combinations, place: wrong}))


def other_header(lie: Lie, message: bytes) -> bytes:
    """Says that it saw a header that nobody signed."""
    note = from_wire(message).expect(CheckNote)
    dealer = sorted(set(note.headers) - {lie.who})[0]
    return lie.signed(msgspec.structs.replace(note, headers={**note.headers, dealer: token().hex()}))


def groundless_complaint(lie: Lie, message: bytes) -> bytes:
    return msgspec.json.encode(Testimony(None, (), ()))


def other_keys(lie: Lie, message: bytes) -> bytes:
    told = records.from_json(message, Testimony)
    assert told.opening is not None
    opening = told.opening.expect(KeyOpening)
    wrong = msgspec.structs.replace(opening, keys={**opening.keys, sorted(opening.keys)[0]: token().hex()})
    return msgspec.json.encode(msgspec.structs.replace(told, opening=from_wire(lie.signed(wrong))))


def off_by_something(lie: Lie, message: bytes) -> bytes:
    """A vector with one element off."""
    return shift_bytes(message)


def off_in_the_audit(lie: Lie, message: bytes) -> bytes:
    return message[:1] + shift_bytes(message[1:])
