"""Joining a consortium over three files: a token one way, an enrolment back, an admission to finish.

The joiner makes every key itself and pins the authority's fingerprint, which people compare out of band.  Its enrolment
is signed with the token's key, so that nothing in it can be changed on the way, and the token itself is not in it.  The
admission carries certificates, which the joiner checks against the authority it pinned; it needs no further proof.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from steelyard import records
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.signed import Document, from_wire, read, sign, to_wire
from steelyard.errors import Malformed, Unauthenticated
from steelyard.identity import addresses, certificates, keys
from steelyard.identity.authority import DEFAULT_DAYS, Authority, authority_consortium, check_issued
from steelyard.identity.certificates import Identity, Role, spki_pin
from steelyard.identity.entries import Entry, Joiner, roles_of
from steelyard.identity.homes import Home, Layout
from steelyard.identity.tokens import Tokens, token_key

MAX_FILE: Final = 1 << 17  # bytes of an enrolment or admission file


class Enrolment(Document, frozen=True, kw_only=True):
    """What a joiner asks for: its entry, and a certificate request per role (a node's owner joins with the node)."""

    KIND: ClassVar[str] = "enrolment"

    consortium: Name
    authority: Hex32  # the fingerprint that the joiner pinned
    entry: Entry
    hosts: tuple[str, ...]
    requests: dict[str, str]  # role to PEM


class Admission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The authority's answer: certificates by role (PEM), and the entry for the next manifest."""

    entry: Entry
    certificates: dict[str, str]


def request(layout: Layout, joiner: Joiner, *, token: str, authority: bytes, fingerprint: str) -> bytes:
    """Makes all keys of a joiner in `layout` and returns its enrolment file.

    `authority` is the authority's certificate (PEM), `fingerprint` what people compared.  Raises Unauthenticated when
    the two do not match, before any key is made; Conflict when keys of that name exist.
    """
    trusted = certificates.load_certificate(authority)
    if not same_fingerprint(certificates.fingerprint(trusted), fingerprint):
        raise Unauthenticated("the authority's certificate does not have the fingerprint given: compare it again")
    signer, consortium = token_key(token), authority_consortium(trusted)
    create_homes(layout, joiner, trusted)
    enrolment = Enrolment(
        consortium=consortium,
        authority=certificates.fingerprint(trusted),
        entry=entry_of(layout, joiner),
        hosts=joiner.called,
        requests={str(role): _request(layout, joiner, role, consortium) for role in joiner.roles},
    )
    return to_wire(sign(enrolment, _name(enrolment.entry), signer))


def admit(
    authority: Authority,
    tokens: Tokens,
    data: bytes,
    *,
    hosts: Sequence[str] = (),
    days: int = DEFAULT_DAYS,
    now: datetime | None = None,
) -> Admission:
    """Checks an enrolment file, uses its token up and issues the certificates; `hosts` are further host names allowed.

    Raises Malformed for another file; Unauthenticated for a token that is unknown, used or expired, for a file changed
    on the way, for another authority, and for certificate requests that ask for more than the entry says.
    """
    enrolment = _opened(data, tokens, now)
    entry = enrolment.entry
    if (enrolment.consortium, enrolment.authority) != (authority.consortium, authority.fingerprint):
        raise Unauthenticated("this enrolment is meant for another consortium or another authority")
    entry.check()
    requests = _checked_requests(enrolment, hosts)
    tokens.spend(Role(entry.role), entry.id)
    issued = {
        role: certificates.pem(authority.issue(identity, key, hosts, days=days, now=now))
        for role, (identity, key, hosts) in requests.items()
    }
    return Admission(entry=entry, certificates=issued)


def install(layout: Layout, admission: Admission) -> tuple[Home, ...]:
    """Puts the certificates of an admission beside their keys.

    Raises Unauthenticated when one is not from the pinned authority, not for this name or not for this key.
    """
    entry = admission.entry
    roles = roles_of(entry.role)
    if set(admission.certificates) != set(roles):
        raise Malformed("this admission does not hold the certificates its entry needs")
    checked = [
        (layout.home(role, entry.id), certificates.load_certificate(admission.certificates[role].encode()))
        for role in roles
    ]
    for role, (home, certificate) in zip(roles, checked, strict=True):
        _check_mine(home, certificate, role, entry.id)
    for home, certificate in checked:
        home.put_certificate(certificate)
    return tuple(home for home, _ in checked)


def read_admission(data: bytes) -> Admission:
    """An admission file, strictly; `install` checks what it says."""
    try:
        return records.from_json(data, Admission)
    except records.DecodeError:
        raise Malformed("this is no admission file") from None


def create_homes(layout: Layout, joiner: Joiner, authority: x509.Certificate) -> None:
    """Makes every key of a joiner (a node comes with its owner's and its organisation's) and pins the authority."""
    for role in joiner.roles:
        home = layout.home(role, joiner.id)
        home.create_keys(role)
        home.put_authority(authority)
    if joiner.role == "node":
        layout.create_organisation_key(joiner.id)


def entry_of(layout: Layout, joiner: Joiner) -> Entry:
    """The entry for the manifest, from the keys in `layout`."""
    home = layout.home(Role(joiner.role), joiner.id)
    base = Entry(
        role=joiner.role,
        id=joiner.id,
        tls=_key_pin(home),
        organisation=joiner.organisation,
        address=joiner.address,
    )
    if joiner.role == "coordinator":
        return base
    signing, sealing = keys.public_hex(home.signing_key()), keys.public_hex(home.sealing_key())
    signer = msgspec.structs.replace(base, signing=signing, sealing=sealing)
    if joiner.role == "requester":
        return signer
    return msgspec.structs.replace(
        signer,
        organisation=joiner.id,
        organisation_key=keys.public_hex(keys.load_signing_key(layout.organisation_key(joiner.id))),
        owner_tls=_key_pin(layout.home(Role.OWNER, joiner.id)),
    )


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two fingerprints are equal, however people grouped and capitalised them."""
    first, second = ("".join(text.split()).replace(":", "").lower().encode() for text in (one, other))
    return hmac.compare_digest(first, second)


def _opened(data: bytes, tokens: Tokens, now: datetime | None) -> Enrolment:
    signed = from_wire(data)
    claimed = read(Enrolment, signed.payload).entry  # a claim that chooses the token; the signature decides
    return signed.open(Enrolment, {_name(claimed): tokens.key(Role(claimed.role), claimed.id, now)})


def _name(entry: Entry) -> str:
    return f"{entry.role}/{entry.id}"


def _hosts(role: Role, hosts: Sequence[str]) -> Sequence[str]:
    return hosts if role in certificates.SERVERS else ()


def _request(layout: Layout, joiner: Joiner, role: Role, consortium: str) -> str:
    key, identity = layout.home(role, joiner.id).tls_key(), Identity(consortium, role, joiner.id)
    return certificates.pem(certificates.create_request(key, identity, _hosts(role, joiner.called)))


def _checked_requests(
    enrolment: Enrolment, allowed: Sequence[str]
) -> Mapping[str, tuple[Identity, ec.EllipticCurvePublicKey, Sequence[str]]]:
    entry, roles = enrolment.entry, roles_of(enrolment.entry.role)
    pins = {Role.OWNER: entry.owner_tls}
    if set(enrolment.requests) != set(roles):
        raise Unauthenticated("this enrolment does not hold the certificate requests its entry needs")
    surplus = set(enrolment.hosts) - set(addresses.hosts_of(entry.address, allowed) if entry.address else ())
    if surplus:
        raise Unauthenticated(
            "this enrolment asks for host names beyond its address; allow them by name if they are right"
        )
    checked = {}
    for role in roles:
        identity, hosts = Identity(enrolment.consortium, role, entry.id), _hosts(role, enrolment.hosts)
        found = certificates.check_request(enrolment.requests[role].encode(), identity, hosts)
        key = found.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or spki_pin(found) != pins.get(role, entry.tls):
            raise Unauthenticated("a certificate request is for another key than the entry pins")
        checked[str(role)] = (identity, key, hosts)
    return checked


def _check_mine(home: Home, certificate: x509.Certificate, role: Role, name: str) -> None:
    trusted = home.authority()
    check_issued(certificate, trusted)
    if certificates.read_identity(certificate) != Identity(authority_consortium(trusted), role, name):
        raise Unauthenticated(f"this certificate is not for the {role} {name}")
    if spki_pin(certificate) != _key_pin(home):
        raise Unauthenticated(f"this certificate is not for the key of the {role} {name}")


def _key_pin(home: Home) -> str:
    return certificates.key_pin(home.tls_key().public_key())
