"""Explains the identity files in a home: what is right, what is wrong, and what to do about it.

gRPC answers a wrong certificate with `failed to connect to all addresses`; this says why, before anybody connects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from steelyard.errors import SteelyardError, Unauthenticated
from steelyard.identity import certificates, files
from steelyard.identity.authority import check_issued
from steelyard.identity.certificates import read_identity, spki_pin
from steelyard.identity.homes import Home

RENEW_BEFORE: Final = timedelta(days=2)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at.  `explanation` is what was found, or what to do."""

    home: str
    check: str
    ok: bool
    explanation: str


def inspect(home: Home, name: str, now: datetime | None = None) -> Iterator[Finding]:
    """Every check of one home, in the order in which a handshake would meet them; nothing raises."""
    at = now or datetime.now(UTC)
    checks: list[tuple[str, Callable[[], str]]] = [
        ("permissions", lambda: _permissions(home)),
        ("name", lambda: read_identity(home.certificate()).uri),
        ("chain", lambda: _chain(home)),
        ("key match", lambda: _key_match(home)),
        ("clock", lambda: _clock(home, at)),
        ("expiry", lambda: _expiry(home, at)),
        ("manifest", lambda: _manifest(home)),
        ("pin", lambda: _pin(home)),
    ]
    for check, look in checks:
        try:
            yield Finding(home=name, check=check, ok=True, explanation=look())
        except SteelyardError as error:
            yield Finding(home=name, check=check, ok=False, explanation=error.message)


def _permissions(home: Home) -> str:
    found = sorted(home.path.glob("*.key"))
    for path in found:
        files.read_private(path)
    return f"{_names(found)} readable by their owner only"


def _chain(home: Home) -> str:
    authority = home.authority()
    check_issued(home.certificate(), authority)
    return f"issued by the authority with fingerprint {certificates.fingerprint(authority)}"


def _key_match(home: Home) -> str:
    if certificates.key_pin(home.tls_key().public_key()) != spki_pin(home.certificate()):
        raise Unauthenticated("tls.key is not the key of tls.pem: put back the key it was issued for, or enrol again")
    return "tls.key is the key of tls.pem"


def _clock(home: Home, now: datetime) -> str:
    begins = home.certificate().not_valid_before_utc
    if now < begins:
        raise Unauthenticated(
            f"tls.pem begins at {begins:%Y-%m-%d %H:%M} UTC but the clock here says {now:%Y-%m-%d %H:%M} UTC: "
            "set the clock, here or at the authority"
        )
    return f"{now:%Y-%m-%d %H:%M} UTC, after the certificate begins"


def _expiry(home: Home, now: datetime) -> str:
    for name, certificate in (("ca.pem", home.authority()), ("tls.pem", home.certificate())):
        left = certificate.not_valid_after_utc - now
        if left <= timedelta(0):
            ended = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
            raise Unauthenticated(f"{name} expired at {ended}: run steelyard pki renew")
    days = left.total_seconds() / 86400
    return f"{days:.1f} days left" + ("; renew it now (steelyard pki renew)" if left < RENEW_BEFORE else "")


def _manifest(home: Home) -> str:
    membership = home.membership()
    if membership.manifest.authority != certificates.fingerprint(home.authority()):
        raise Unauthenticated("ca.pem is not the authority that the manifest names")
    return (
        f"version {membership.version} of {membership.consortium}, signed by all {len(membership.organisation_keys)} "
        f"organisations, {membership.threshold} of {membership.size}"
    )


def _pin(home: Home) -> str:
    identity = home.membership().identify(certificates.pem(home.certificate()).encode())
    return f"the manifest pins this key for the {identity.role} {identity.id}"


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths) or "no keys: none"
