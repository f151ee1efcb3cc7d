"""The consortium's certificate authority: it says which key a name has today; the manifest says which key it may have.

There is no revocation list: certificates live for days, and a key that the next manifest no longer pins is refused at
once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from steelyard.errors import Invalid, Unauthenticated
from steelyard.identity import certificates, files, keys
from steelyard.identity.certificates import SERVERS, Identity, Role, alternative_names, read_identity, spki_pin
from steelyard.ids import party_id

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 366

_AUTHORITY_DAYS: Final = 3653  # ten years
_SKEW: Final = timedelta(minutes=5)  # a joiner whose clock is a little behind is not turned away
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Authority:
    """The authority's certificate (P-256, path length 0) and, where certificates are issued, its key."""

    certificate: x509.Certificate
    key: keys.TlsKey

    @classmethod
    def create(cls, consortium: str, now: datetime | None = None) -> Authority:
        """A new authority for `consortium`, valid for ten years."""
        key = keys.create_tls_key()
        name = certificates.subject(f"steelyard {party_id(consortium)} authority")
        builder = _builder(name, name, key.public_key(), now or datetime.now(UTC), timedelta(days=_AUTHORITY_DAYS))
        uri = x509.UniformResourceIdentifier(f"spiffe://{consortium}")
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, directory: Path) -> Authority:
        """Reads `ca.pem` and `ca.key`; raises Invalid when the one does not belong to the other."""
        data = files.read(directory / "ca.pem", certificates.MAX_CERTIFICATE)
        authority = cls(certificates.load_certificate(data), keys.load_tls_key(directory / "ca.key"))
        if authority.key.public_key() != authority.certificate.public_key():
            raise Invalid("ca.key is not the key of ca.pem")
        return authority

    def save(self, directory: Path) -> None:
        """Writes `ca.key` and `ca.pem`; raises Conflict when there is an authority already."""
        files.private_directory(directory)
        keys.save(self.key, directory / "ca.key")
        files.write_new(directory / "ca.pem", certificates.pem(self.certificate).encode(), files.PUBLIC)

    @property
    def consortium(self) -> str:
        return authority_consortium(self.certificate)

    @property
    def fingerprint(self) -> str:
        return certificates.fingerprint(self.certificate)

    def issue(
        self,
        identity: Identity,
        public_key: ec.EllipticCurvePublicKey,
        hosts: Iterable[str] = (),
        *,
        days: int = DEFAULT_DAYS,
        now: datetime | None = None,
    ) -> x509.Certificate:
        """A certificate for `identity`; only nodes and the coordinator are servers and have hosts.

        Raises Invalid for more than MAX_DAYS, another consortium, hosts where none belong or a key not on P-256.
        """
        self._check(identity, public_key, days)
        issuer = self.certificate.subject
        lifetime = timedelta(days=days)
        builder = _builder(certificates.subject(identity.id), issuer, public_key, now or datetime.now(UTC), lifetime)
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_purposes(identity.role)), critical=False)
            .add_extension(x509.SubjectAlternativeName(certificates.names_for(identity, hosts)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def renew(
        self,
        current: x509.Certificate,
        request: bytes,
        *,
        days: int = DEFAULT_DAYS,
        now: datetime | None = None,
    ) -> x509.Certificate:
        """A new certificate for the same name and the same key, so for the same pin.

        `request` (PEM) proves that the key's holder asks.  `current` may have expired, it must be ours.  Raises
        Unauthenticated for another authority's certificate, another name or another key.
        """
        check_issued(current, self.certificate)
        identity = read_identity(current)
        hosts = certificates.hosts_in(current)
        checked = certificates.check_request(request, identity, hosts)
        if spki_pin(checked) != spki_pin(current):
            raise Unauthenticated(f"a renewal keeps its key; for a new key {identity.id} enrols again")
        key = current.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Unauthenticated("only certificates with a P-256 key are renewed")
        return self.issue(identity, key, hosts, days=days, now=now)

    def _check(self, identity: Identity, key: ec.EllipticCurvePublicKey, days: int) -> None:
        if identity.consortium != self.consortium:
            raise Invalid(f"this authority issues for {self.consortium} only, not for {identity.consortium}")
        if not 1 <= days <= MAX_DAYS:
            raise Invalid(f"a certificate lives for 1 to {MAX_DAYS} days")
        if not isinstance(key.curve, ec.SECP256R1):
            raise Invalid("a certificate's key is on P-256")


def authority_consortium(certificate: x509.Certificate) -> str:
    """The consortium that an authority's certificate stands for; raises Unauthenticated when it is no authority's."""
    names = [each.value for each in alternative_names(certificate)]
    if len(names) != 1 or not str(names[0]).startswith("spiffe://"):
        raise Unauthenticated("this is not the certificate of a consortium's authority")
    return party_id(str(names[0]).removeprefix("spiffe://"))


def check_issued(certificate: x509.Certificate, authority: x509.Certificate) -> None:
    """Raises Unauthenticated unless `authority` signed `certificate`; it says nothing about its dates."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        raise Unauthenticated("the certificate was not issued by the consortium's authority") from None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _SKEW).not_valid_after(now + lifetime)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each in allowed for each in _USAGES})


def _purposes(role: Role) -> list[x509.ObjectIdentifier]:
    client = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return [ExtendedKeyUsageOID.SERVER_AUTH, *client] if role in SERVERS else client
