"""One-time tokens that admit a joiner: shown once, valid for minutes, bound to one name and role.

A token is 256 random bits and the seed of an Ed25519 key; what the authority keeps is that key's public half.  Like a
hash it does not give the token back, and unlike one it cannot forge the joiner's proof when the authority's files leak.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from steelyard import records
from steelyard.digest import digest
from steelyard.documents.manifest import Hex32
from steelyard.errors import Invalid, NotFound, Unauthenticated
from steelyard.identity import files
from steelyard.identity.certificates import Role
from steelyard.identity.keys import public_hex, signing_public
from steelyard.ids import party_id

TOKEN_BYTES: Final = 32
LIFETIME: Final = timedelta(minutes=15)


def token_key(token: str) -> Ed25519PrivateKey:
    """The key that a token stands for; raises Invalid, without repeating it, for text that is no token."""
    try:
        raw = bytes.fromhex(token.strip())
    except ValueError:
        raw = b""
    if len(raw) != TOKEN_BYTES:
        raise Invalid(f"a token has {2 * TOKEN_BYTES} hexadecimal digits")
    return Ed25519PrivateKey.from_private_bytes(digest("enrolment-token", raw))


@dataclass(frozen=True)
class Tokens:
    """The open tokens of an authority, one private file each in `directory`."""

    directory: Path

    def new(self, role: Role, name: str, now: datetime | None = None) -> str:
        """A fresh token as hexadecimal text, to be shown once; it takes the place of an older one for the same name."""
        token = secrets.token_hex(TOKEN_BYTES)
        expires = (now or datetime.now(UTC)) + LIFETIME
        record = _Record(key=public_hex(token_key(token)), expires=int(expires.timestamp()))
        files.private_directory(self.directory)
        files.replace(self._path(role, name), msgspec.json.encode(record), files.PRIVATE)
        return token

    def key(self, role: Role, name: str, now: datetime | None = None) -> Ed25519PublicKey:
        """What proves the open token of a name; raises Unauthenticated when there is none, or none any more."""
        try:
            record = records.from_json(files.read_private(self._path(role, name)), _Record)
        except (NotFound, records.DecodeError):
            raise Unauthenticated(f"there is no open token for the {role} {name}: ask for a new one") from None
        if (now or datetime.now(UTC)).timestamp() >= record.expires:
            raise Unauthenticated(f"the token for the {role} {name} has expired: ask for a new one")
        return signing_public(record.key)

    def spend(self, role: Role, name: str) -> None:
        """Uses the token up; of two that try at the same time one gets Unauthenticated."""
        try:
            self._path(role, name).unlink()
        except FileNotFoundError:
            raise Unauthenticated(f"the token for the {role} {name} has been used already") from None

    def _path(self, role: Role, name: str) -> Path:
        return self.directory / f"{role}-{party_id(name)}.json"


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Hex32
    expires: int  # seconds since 1970
