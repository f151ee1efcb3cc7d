"""Private keys: Ed25519 signs documents, X25519 opens sealed bytes, P-256 carries TLS (gRPC's TLS rejects Ed25519
leafs).

One key per purpose.  On disk a key is PEM PKCS8, unencrypted, mode 0600; whoever needs more puts the directory on an
encrypted volume.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from steelyard.errors import Invalid
from steelyard.identity import files

TlsKey: TypeAlias = ec.EllipticCurvePrivateKey
PrivateKey: TypeAlias = Ed25519PrivateKey | X25519PrivateKey | TlsKey


def create_signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def create_sealing_key() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def create_tls_key() -> TlsKey:
    return ec.generate_private_key(ec.SECP256R1())


def save(key: PrivateKey, path: Path) -> None:
    """Writes a new key file; raises Conflict when the file exists."""
    files.write_new(path, _pem(key))


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 key; raises NotFound, or Invalid for a file that others can read or that holds something else."""
    key = _load(path, what := "an Ed25519 signing key")
    if not isinstance(key, Ed25519PrivateKey):
        raise _another_kind(path, what)
    return key


def load_sealing_key(path: Path) -> X25519PrivateKey:
    """An X25519 key; raises as `load_signing_key` does."""
    key = _load(path, what := "an X25519 sealing key")
    if not isinstance(key, X25519PrivateKey):
        raise _another_kind(path, what)
    return key


def load_tls_key(path: Path) -> TlsKey:
    """A P-256 key; raises as `load_signing_key` does."""
    key = _load(path, what := "a P-256 TLS key")
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _another_kind(path, what)
    return key


def public_hex(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    """The raw public key, 32 bytes as 64 hexadecimal digits: the form the manifest lists."""
    return key.public_key().public_bytes_raw().hex()


def signing_public(raw: str) -> Ed25519PublicKey:
    """The Ed25519 key behind 64 hexadecimal digits."""
    return Ed25519PublicKey.from_public_bytes(_raw(raw))


def sealing_public(raw: str | bytes) -> X25519PublicKey:
    """The X25519 key behind 64 hexadecimal digits or 32 bytes."""
    return X25519PublicKey.from_public_bytes(_raw(raw))


def _pem(key: PrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _load(path: Path, what: str) -> object:
    try:
        return serialization.load_pem_private_key(files.read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: encrypted under a password
        raise Invalid(f"{path} is no unencrypted PEM PKCS8 key; it should hold {what}") from None


def _another_kind(path: Path, what: str) -> Invalid:
    return Invalid(f"{path} does not hold {what} but a key of another kind")


def _raw(key: str | bytes) -> bytes:
    try:
        raw = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raise Invalid("a public key is written as 64 hexadecimal digits") from None
    if len(raw) != 32:
        raise Invalid("a public key has 32 bytes")
    return raw
