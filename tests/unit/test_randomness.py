from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from steelyard.errors import Invalid
from steelyard.randomness import Keystream, SystemRandomness, token


def test_a_keystream_is_aes_256_in_counter_mode_over_zeros() -> None:
    key = bytes(range(32))
    cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
    assert bytes(Keystream(key).bytes(1000)) == cipher.update(bytes(1000))


def test_a_stream_in_pieces_is_the_stream() -> None:
    whole, pieces = Keystream(bytes(32)), Keystream(bytes(32))
    assert bytes(whole.bytes(1040)) == b"".join(pieces.bytes(count) for count in (0, 1, 15, 16, 1000, 8))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Invalid):
        Keystream(bytes(length))


def test_system_randomness_never_repeats_itself() -> None:
    one, two = SystemRandomness(), SystemRandomness()
    assert len({bytes(source.bytes(32)) for source in (one, two) for _ in range(50)}) == 100


def test_tokens_are_fresh_and_as_long_as_asked() -> None:
    assert len({token() for _ in range(100)}) == 100
    assert (len(token()), len(token(16))) == (32, 16)
