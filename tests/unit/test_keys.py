"""Private keys on disk: private, whole, never overwritten, never taken for another kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from steelyard.errors import Conflict, Invalid, NotFound
from steelyard.identity import files, keys

KINDS: list[tuple[Callable[[], keys.PrivateKey], Callable[[Path], keys.PrivateKey]]] = [
    (keys.create_signing_key, keys.load_signing_key),
    (keys.create_sealing_key, keys.load_sealing_key),
    (keys.create_tls_key, keys.load_tls_key),
]


def _raw(key: keys.PrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


@pytest.mark.parametrize(("create", "load"), KINDS)
def test_a_saved_key_loads_as_itself_and_is_readable_by_its_owner_only(
    create: Callable[[], keys.PrivateKey], load: Callable[[Path], keys.PrivateKey], tmp_path: Path
) -> None:
    key, path = create(), tmp_path / "a.key"
    keys.save(key, path)
    assert _raw(load(path)) == _raw(key)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_umask_does_not_decide_who_reads_a_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.save(keys.create_signing_key(), tmp_path / "a.key")
    finally:
        os.umask(before)
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600


def test_saving_never_overwrites_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path, first = tmp_path / "a.key", keys.create_signing_key()
    keys.save(first, path)
    with pytest.raises(Conflict):
        keys.save(keys.create_signing_key(), path)
    assert _raw(keys.load_signing_key(path)) == _raw(first)
    assert [each.name for each in tmp_path.iterdir()] == ["a.key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_key_that_others_can_get_at_is_refused_with_its_mode(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    keys.save(keys.create_signing_key(), path)
    path.chmod(mode)
    with pytest.raises(Invalid, match=f"mode {mode:04o}"):
        keys.load_signing_key(path)


@pytest.mark.parametrize("saved", range(3))
@pytest.mark.parametrize("loaded", range(3))
def test_a_key_of_one_kind_never_loads_as_another(saved: int, loaded: int, tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    keys.save(KINDS[saved][0](), path)
    if saved == loaded:
        assert KINDS[loaded][1](path)
    else:
        with pytest.raises(Invalid, match="another kind"):
            KINDS[loaded][1](path)


def test_a_tls_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    keys.save(ec.generate_private_key(ec.SECP384R1()), tmp_path / "a.key")
    with pytest.raises(Invalid):
        keys.load_tls_key(tmp_path / "a.key")


def test_a_missing_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        keys.load_signing_key(tmp_path / "a.key")


@pytest.mark.parametrize("content", [b"", b"no key", b"x" * (files.MAX_KEY_FILE + 1)])
def test_a_file_that_holds_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    files.write_new(tmp_path / "a.key", content)
    with pytest.raises(Invalid):
        keys.load_signing_key(tmp_path / "a.key")


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    form, password = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    data = keys.create_signing_key().private_bytes(serialization.Encoding.PEM, form, password)
    files.write_new(tmp_path / "a.key", data)
    with pytest.raises(Invalid, match="unencrypted"):
        keys.load_signing_key(tmp_path / "a.key")


def test_the_public_half_survives_its_hexadecimal_form() -> None:
    signing, sealing = keys.create_signing_key(), keys.create_sealing_key()
    assert keys.signing_public(keys.public_hex(signing)) == signing.public_key()
    assert keys.sealing_public(keys.public_hex(sealing)) == sealing.public_key()


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32])
def test_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        keys.signing_public(text)


def test_replacing_a_file_leaves_only_the_new_bytes(tmp_path: Path) -> None:
    files.replace(tmp_path / "a", b"old")
    files.replace(tmp_path / "a", b"new")
    assert files.read(tmp_path / "a", 3) == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_file_longer_than_its_bound_is_refused(tmp_path: Path) -> None:
    files.replace(tmp_path / "a", b"four")
    with pytest.raises(Invalid):
        files.read(tmp_path / "a", 3)
