"""Signed documents: exact bytes, one kind, one signer."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import pytest

from steelyard import records
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.signed import MAX_DOCUMENT, Document, from_wire, read, sign, sign_bytes, to_wire
from steelyard.errors import Malformed, Unauthenticated
from steelyard.identity.keys import create_signing_key


class Letter(Document, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "letter"
    text: str


class Order(Document, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "order"
    text: str


KEY = create_signing_key()
KEYS = {"bank-a": KEY.public_key()}


def test_a_signed_document_opens_to_what_was_signed() -> None:
    assert sign(Letter(text="hello"), "bank-a", KEY).open(Letter, KEYS) == Letter(text="hello")


def test_a_forged_signature_is_refused() -> None:
    forged = sign(Letter(text="hello"), "bank-a", create_signing_key())
    with pytest.raises(Unauthenticated):
        forged.open(Letter, KEYS)


def test_a_changed_payload_is_refused() -> None:
    signed = sign(Letter(text="pay 1"), "bank-a", KEY)
    changed = msgspec.structs.replace(signed, payload=signed.payload.replace(b"1", b"9"))
    with pytest.raises(Unauthenticated):
        changed.open(Letter, KEYS)


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
def test_a_signature_of_any_length_that_is_none_is_refused(signature: bytes) -> None:
    signed = msgspec.structs.replace(sign(Letter(text="hello"), "bank-a", KEY), signature=signature)
    with pytest.raises(Unauthenticated):
        signed.open(Letter, KEYS)


def test_an_unknown_signer_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="bank-z"):
        sign(Letter(text="hello"), "bank-z", KEY).open(Letter, KEYS)


def test_a_document_of_one_kind_never_passes_for_another() -> None:
    letter = sign(Letter(text="hello"), "bank-a", KEY)
    with pytest.raises(Unauthenticated):
        letter.open(Order, KEYS)
    with pytest.raises(Unauthenticated):
        msgspec.structs.replace(letter, kind="order").open(Order, KEYS)


def test_an_unknown_field_is_refused() -> None:
    signed = sign_bytes("letter", b'{"text":"hello","more":1}', "bank-a", KEY)
    with pytest.raises(Malformed):
        signed.open(Letter, KEYS)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"text":1}', b"\xff\xfe", b"[" * 100_000])
def test_bytes_that_are_no_such_document_are_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        read(Letter, payload)


def test_a_document_beyond_the_limit_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(Letter, Letter(text="x" * MAX_DOCUMENT).encode())


def test_the_digest_depends_on_kind_and_payload_but_not_on_who_signed() -> None:
    one = sign(Letter(text="hello"), "bank-a", KEY)
    assert one.digest == sign(Letter(text="hello"), "bank-b", create_signing_key()).digest
    assert one.digest != sign(Letter(text="hullo"), "bank-a", KEY).digest
    assert one.digest != sign(Order(text="hello"), "bank-a", KEY).digest


def test_the_wire_form_keeps_every_byte() -> None:
    signed = sign_bytes("letter", b'{ "text" : "spaced" }', "bank-a", KEY)
    assert from_wire(to_wire(signed)) == signed
    with pytest.raises(Malformed):
        from_wire(to_wire(signed)[:-1])


@pytest.mark.parametrize("name", ['"bank-a\\n"', '"Bank"', '"a--b"', f'"{"a" * 41}"'])
def test_a_manifest_takes_no_name_that_is_none(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        records.from_json(name, Name)


@pytest.mark.parametrize("text", ["00" * 31, "00" * 33, "AB" * 32, "00" * 32 + "\\n"])
def test_a_manifest_takes_no_key_that_is_not_64_lower_case_digits(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        records.from_json(f'"{text}"', Hex32)
