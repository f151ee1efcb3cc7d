"""Sealed files: every kind of damage has its own reason, and none of it passes."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.errors import StoreFault
from steelyard.vault import frames
from steelyard.vault.codecs import CODECS, FERNET, codec
from steelyard.vault.frames import PREAMBLE, Header, Seal, check_value, tokens

KEY = bytes(range(32))
DATA = b"0123456789" * 250_000  # three frames


def seal(key: bytes = KEY, name: str = FERNET, **changes: object) -> Seal:
    place = msgspec.structs.replace(Header("bank-a", "dataset/accounts/1", "rows"), **changes)
    return Seal(codec(name, key), check_value(key), place)


def sealed(by: Seal, data: bytes = DATA) -> bytes:
    target = BytesIO()
    by.write(target, [data])
    return target.getvalue()


def opened(by: Seal, file: bytes) -> bytes:
    return b"".join(by.read(BytesIO(file)))


def reason(by: Seal, file: bytes) -> str:
    with pytest.raises(StoreFault) as error:
        opened(by, file)
    return error.value.inside


def parts(file: bytes) -> tuple[bytes, list[bytes]]:
    """The preamble, and the frames with their lengths."""
    source = BytesIO(file)
    preamble = source.read(PREAMBLE)
    return preamble, [len(each).to_bytes(4, "little") + each for each in tokens(source)]


@pytest.mark.parametrize("name", CODECS)
def test_what_was_sealed_opens_and_shows_nothing(name: str) -> None:
    file = sealed(seal(name=name))
    assert opened(seal(name=name), file) == DATA
    assert DATA[:20] not in file
    assert len(parts(file)[1]) == 3


@pytest.mark.parametrize("name", CODECS)
def test_no_frame_is_longer_than_a_mebibyte_of_plaintext(name: str) -> None:
    by = seal(name=name, unit=f"checkpoint/{'n' * 100}/{'v' * 100}", file="f" * 100)
    for frame in parts(sealed(by))[1]:
        assert len(by.codec.open(frame[4:])) <= frames.FRAME


def test_the_same_content_never_looks_the_same() -> None:
    assert sealed(seal(), b"x") != sealed(seal(), b"x")


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_no_changed_bit_passes(at: int, bit: int) -> None:
    file = bytearray(sealed(seal(), b"the content of a file" * 10))
    file[at % len(file)] ^= 1 << bit
    try:
        content = opened(seal(), bytes(file))
    except StoreFault:
        return
    assert content == b"the content of a file" * 10  # base64 has bits that mean nothing


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_no_shorter_file_passes(at: int) -> None:
    file = sealed(seal(), b"the content of a file" * 10)
    assert reason(seal(), file[: at % len(file)])


def test_a_torn_file_is_told_from_a_cut_one() -> None:
    preamble, pieces = parts(sealed(seal()))
    assert "torn" in reason(seal(), (preamble + b"".join(pieces))[:-1])
    assert "cut off between" in reason(seal(), preamble + pieces[0] + pieces[1])
    assert "cut off between" in reason(seal(), preamble)
    assert "very beginning" in reason(seal(), preamble[:-1])
    assert "very beginning" in reason(seal(), b"")


def test_frames_in_another_order_or_twice_are_told() -> None:
    preamble, (first, second, last) = parts(sealed(seal()))
    assert "order" in reason(seal(), preamble + second + first + last)
    assert "order" in reason(seal(), preamble + first + first + last)
    assert "order" in reason(seal(), preamble + first + last)
    assert "appended" in reason(seal(), preamble + first + second + last + last)


@pytest.mark.parametrize(("what", "other"), [("node", "bank-b"), ("unit", "dataset/accounts/2"), ("file", "more")])
def test_a_frame_of_another_place_is_told_even_under_the_same_key(what: str, other: str) -> None:
    assert f"another {what}" in reason(seal(), sealed(seal(**{what: other})))


def test_a_file_under_another_key_is_told_from_a_damaged_one() -> None:
    other = sealed(seal(bytes(32)))
    assert "another key" in reason(seal(), other)
    assert "bits" in reason(seal(), parts(sealed(seal()))[0] + other[PREAMBLE:])


def test_a_file_of_a_newer_format_or_schema_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(frames, "SCHEMA", 2)
        inner = sealed(seal())
    with monkeypatch.context() as newer:
        newer.setattr(frames, "FORMAT", 2)
        outer = sealed(seal())
    assert "newer version" in reason(seal(), inner)
    assert "newer version" in reason(seal(), outer)


def test_something_else_altogether_is_told() -> None:
    assert "no sealed file" in reason(seal(), b"PAR1" * 100)


def test_a_length_that_would_fill_the_memory_is_refused() -> None:
    preamble, _ = parts(sealed(seal()))
    assert "torn" in reason(seal(), preamble + b"\xff\xff\xff\xff" + b"x")


def test_lengths_alone_show_a_torn_file() -> None:
    file = sealed(seal())[PREAMBLE:]
    assert len(list(tokens(BytesIO(file), skip=True))) == 3
    with pytest.raises(StoreFault):
        list(tokens(BytesIO(file[:-1]), skip=True))


def test_neither_codec_opens_the_others_frames() -> None:
    gcm, fernet = (replace(seal(), codec=codec(name, KEY)) for name in ("aes-gcm", "fernet"))
    assert "bits" in reason(gcm, sealed(fernet))
    assert "bits" in reason(fernet, sealed(gcm))


def test_a_token_says_nothing_of_the_hour() -> None:
    import base64

    _, (frame,) = parts(sealed(seal(), b"x"))
    assert base64.urlsafe_b64decode(frame[4:])[1:9] == bytes(8)
