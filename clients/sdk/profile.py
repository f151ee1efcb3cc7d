"""A profile: a directory that says who I am, and where the keys that prove it lie.

    consortium = "local"
    identity = "requesters/analyst"     # tls.pem tls.key signing.key sealing.key ca.pem manifest.json pin
    coordinator = "127.0.0.1:7400"      # only when it is not the manifest's

    [owners]                            # parties whose owner I am, too
    bank-a = "owners/bank-a"

Paths are relative to the directory.  The manifest is verified from its pin each time a profile is opened.
"""

from __future__ import annotations

import hmac
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from steelyard import records
from steelyard.errors import Invalid, NotFound, Unauthenticated
from steelyard.identity import addresses, certificates, files
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.homes import Home
from steelyard.identity.membership import Membership

FILE: Final = "profile.toml"
MAX_PROFILE: Final = 1 << 18  # bytes


class Local(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Set when `steelyard local` runs this consortium: its parties in order and its threshold."""

    parties: tuple[str, ...]
    threshold: int


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    consortium: str
    identity: str = ""
    coordinator: str = ""
    owners: dict[str, str] = {}
    local: Local | None = None


@dataclass(frozen=True)
class Profile:
    """An opened profile.  `identity` is the requester's home, `owners` those of the parties owned."""

    path: Path
    consortium: str
    identity: Home | None
    coordinator: str
    owners: dict[str, Home]
    local: Local | None = None

    @classmethod
    def open(cls, path: Path | str) -> Profile:
        """Reads `path`/profile.toml; raises NotFound when there is none and Invalid for a wrong key or address."""
        path = Path(path).expanduser().resolve()
        written = _read(path)
        if written.coordinator:
            addresses.split(written.coordinator)
        return cls(
            path=path,
            consortium=written.consortium,
            identity=Home(path / written.identity) if written.identity else None,
            coordinator=written.coordinator,
            owners={party: Home(path / each) for party, each in written.owners.items()},
            local=written.local,
        )

    @cached_property
    def requester(self) -> Home:
        """The home of the requester; raises NotFound when this profile only owns data."""
        if self.identity is None:
            raise NotFound(f"{self.path / FILE} names no `identity`, so this profile cannot ask for computations")
        return self.identity

    def owner(self, party: str) -> Home:
        """The home of a party's owner; raises NotFound when this profile owns no such party."""
        if party not in self.owners:
            known = ", ".join(self.owners) or "none"
            raise NotFound(f"this profile is not the owner of {party[:60]!r}; it owns: {known}")
        return self.owners[party]

    def membership(self, home: Home) -> Membership:
        """The manifest that `home` holds, verified from its pin, with the authority it names."""
        membership = home.membership()
        if membership.consortium != self.consortium:
            raise Unauthenticated(f"the manifest is of {membership.consortium}, the profile of {self.consortium}")
        if not hmac.compare_digest(certificates.fingerprint(home.authority()), membership.manifest.authority):
            raise Unauthenticated("ca.pem is not the certificate authority that the manifest names")
        return membership


def identify(home: Home, membership: Membership, role: Role) -> Identity:
    """Who `home` is under the manifest; raises Unauthenticated unless it has that role."""
    identity = membership.identify(certificates.pem(home.certificate()).encode())
    if identity.role != role:
        raise Unauthenticated(f"{home.path} is the home of the {identity.role} {identity.id}, not of a {role}")
    return identity


def _read(path: Path) -> _Written:
    try:
        data = files.read(path / FILE, MAX_PROFILE)
    except NotFound:
        raise NotFound(
            f"there is no profile in {path}: make one with `steelyard local up --dir DIR`, "
            "or name another with --profile DIR or STEELYARD_PROFILE"
        ) from None
    try:
        return records.from_plain(tomllib.loads(data.decode()), _Written)
    except (ValueError, RecursionError) as error:  # also TOML, UTF-8 and validation errors
        raise Invalid(f"{path / FILE}: {error}") from None
