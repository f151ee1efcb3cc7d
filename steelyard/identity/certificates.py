"""Names in certificates: read from the one URI, never from the common name, and told apart by the pin of the key.

`spiffe://<consortium>/<role>/<id>` is the only name that counts.  The pin is the SHA-256 of the SubjectPublicKeyInfo,
so a certificate renewed under the same key keeps its pin.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from steelyard.errors import Invalid, Unauthenticated
from steelyard.identity.addresses import general_name
from steelyard.identity.keys import TlsKey
from steelyard.ids import party_id

MAX_CERTIFICATE: Final = 1 << 14  # bytes

Certified: TypeAlias = x509.Certificate | x509.CertificateSigningRequest
_SPIFFE = re.compile(r"spiffe://([a-z0-9-]{1,40})/(node|owner|requester|coordinator)/([a-z0-9-]{1,40})")


class Role(StrEnum):
    """What the holder of a certificate is to the consortium."""

    NODE = "node"
    OWNER = "owner"  # a party's people: they import data, approve and read the audit log at their own node
    REQUESTER = "requester"
    COORDINATOR = "coordinator"


SERVERS: Final = (Role.NODE, Role.COORDINATOR)


@dataclass(frozen=True)
class Identity:
    """A name as a certificate carries it; checked against the manifest by `Membership.identify`."""

    consortium: str
    role: Role
    id: str

    def __post_init__(self) -> None:
        party_id(self.consortium)
        party_id(self.id)

    @property
    def uri(self) -> str:
        return f"spiffe://{self.consortium}/{self.role}/{self.id}"


def load_certificate(data: bytes) -> x509.Certificate:
    """A certificate from PEM or DER; raises Unauthenticated for anything else."""
    if len(data) <= MAX_CERTIFICATE:
        try:
            if data.lstrip().startswith(b"-----"):
                return x509.load_pem_x509_certificate(data)
            return x509.load_der_x509_certificate(data)
        except ValueError:
            pass
    raise Unauthenticated("these bytes are no certificate")


def pem(certificate: Certified) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def spki_pin(certificate: Certified) -> str:
    """64 hexadecimal digits: the SHA-256 of the SubjectPublicKeyInfo in DER."""
    return key_pin(_public_key(certificate))


def key_pin(key: ec.EllipticCurvePublicKey) -> str:
    """The pin that every certificate for `key` has."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def fingerprint(certificate: x509.Certificate) -> str:
    """64 hexadecimal digits: the SHA-256 of the whole certificate; people compare it by voice."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def read_identity(certificate: bytes | x509.Certificate) -> Identity:
    """The name in the URI; raises Unauthenticated unless there is exactly one URI and it has our form."""
    loaded = load_certificate(certificate) if isinstance(certificate, bytes) else certificate
    uris = [each.value for each in alternative_names(loaded) if isinstance(each, x509.UniformResourceIdentifier)]
    found = _SPIFFE.fullmatch(uris[0]) if len(uris) == 1 else None
    if found is None:
        raise Unauthenticated("a certificate carries exactly one name of the form spiffe://consortium/role/id")
    return Identity(found[1], Role(found[2]), found[3])


def alternative_names(certificate: Certified) -> list[x509.GeneralName]:
    """Every subject alternative name, in the order of the certificate; empty when there are none."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []
    except (ValueError, x509.DuplicateExtension):
        raise Unauthenticated("the certificate's extensions are malformed") from None


def names_for(identity: Identity, hosts: Iterable[str]) -> list[x509.GeneralName]:
    """What a certificate for `identity` carries: its URI, then its hosts, which a client has none of."""
    wanted = sorted(set(hosts))
    if wanted and identity.role not in SERVERS:
        raise Invalid(f"a certificate for the role {identity.role} carries no hosts")
    return [x509.UniformResourceIdentifier(identity.uri), *(general_name(each) for each in wanted)]


def hosts_in(certificate: Certified) -> tuple[str, ...]:
    """The host names and addresses that a certificate carries."""
    names = alternative_names(certificate)
    return tuple(str(each.value) for each in names if isinstance(each, x509.DNSName | x509.IPAddress))


def create_request(key: TlsKey, identity: Identity, hosts: Iterable[str] = ()) -> x509.CertificateSigningRequest:
    """A certificate signing request of `identity`, signed by the key it is for."""
    names = x509.SubjectAlternativeName(names_for(identity, hosts))
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(identity.id))
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256())


def check_request(data: bytes, identity: Identity, hosts: Iterable[str] = ()) -> x509.CertificateSigningRequest:
    """The request, if its own key signed it and it asks for exactly these names; raises Unauthenticated otherwise."""
    request = _load_request(data)
    try:
        proven = isinstance(_public_key(request).curve, ec.SECP256R1) and request.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm):
        proven = False
    if not proven:
        raise Unauthenticated("the certificate request is not signed by the P-256 key it is for")
    asked = alternative_names(request)
    if len(set(asked)) != len(asked) or set(asked) != set(names_for(identity, hosts)):
        raise Unauthenticated(f"the certificate request asks for other names than those of {identity.uri}")
    return request


def subject(text: str) -> x509.Name:
    """A subject with `text` as its common name, which is for people only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _load_request(data: bytes) -> x509.CertificateSigningRequest:
    if len(data) <= MAX_CERTIFICATE:
        try:
            return x509.load_pem_x509_csr(data)
        except ValueError:
            pass
    raise Unauthenticated("these bytes are no certificate request")


def _public_key(certificate: Certified) -> ec.EllipticCurvePublicKey:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Unauthenticated("only certificates with a P-256 key are used here")
    return key
