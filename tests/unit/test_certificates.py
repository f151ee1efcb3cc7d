"""Certificates: the URI is the name, the key is the pin, and the authority issues nothing it was not asked for."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from steelyard.errors import Conflict, Invalid, Unauthenticated
from steelyard.identity import addresses, certificates
from steelyard.identity.authority import MAX_DAYS, Authority, authority_consortium, check_issued
from steelyard.identity.certificates import Identity, Role, check_request, create_request, pem, read_identity, spki_pin
from steelyard.identity.homes import Home
from steelyard.identity.keys import TlsKey, create_tls_key
from steelyard.identity.local import renew_here

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTHORITY = Authority.create("riverside", NOW)
BANK = Identity("riverside", Role.NODE, "bank-a")
HOSTS = ("127.0.0.1", "bank-a.example", "localhost")
KEY = create_tls_key()


def _issue(identity: Identity = BANK, key: TlsKey = KEY, hosts: tuple[str, ...] = HOSTS) -> x509.Certificate:
    return AUTHORITY.issue(identity, key.public_key(), hosts, now=NOW)


def _self_made(names: list[x509.GeneralName], common_name: str = "bank-a", key: TlsKey = KEY) -> x509.Certificate:
    name = certificates.subject(common_name)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def _uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def test_the_authority_may_sign_leafs_only_and_lives_ten_years() -> None:
    certificate = AUTHORITY.certificate
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    assert certificate.not_valid_after_utc - NOW == timedelta(days=3653)
    assert authority_consortium(certificate) == "riverside"


def test_a_leaf_has_its_names_seven_days_and_no_more_rights_than_it_needs() -> None:
    leaf = _issue()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://riverside/node/bank-a"]
    assert names.get_values_for_type(x509.DNSName) == ["bank-a.example", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    assert leaf.not_valid_after_utc == NOW + timedelta(days=7)
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    check_issued(leaf, AUTHORITY.certificate)


@pytest.mark.parametrize(("role", "server"), [(Role.NODE, True), (Role.COORDINATOR, True), (Role.OWNER, False)])
def test_only_nodes_and_the_coordinator_are_servers(role: Role, server: bool) -> None:
    leaf = _issue(Identity("riverside", role, "x"), hosts=HOSTS if server else ())
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) is server
    assert ExtendedKeyUsageOID.CLIENT_AUTH in usage


def test_a_client_certificate_carries_no_hosts() -> None:
    with pytest.raises(Invalid):
        _issue(Identity("riverside", Role.REQUESTER, "analyst"), hosts=("bank-a.example",))


@pytest.mark.parametrize("days", [-1, 0, MAX_DAYS + 1])
def test_a_certificate_lives_a_bounded_time(days: int) -> None:
    with pytest.raises(Invalid):
        AUTHORITY.issue(BANK, KEY.public_key(), days=days)


def test_the_authority_issues_for_its_own_consortium_only() -> None:
    with pytest.raises(Invalid):
        _issue(Identity("hillside", Role.NODE, "bank-a"))


def test_a_leaf_on_another_curve_is_not_issued() -> None:
    with pytest.raises(Invalid):
        AUTHORITY.issue(BANK, ec.generate_private_key(ec.SECP384R1()).public_key(), now=NOW)


def test_the_identity_is_read_from_pem_and_der_alike() -> None:
    leaf = _issue()
    assert read_identity(pem(leaf).encode()) == BANK
    assert read_identity(leaf.public_bytes(serialization.Encoding.DER)) == BANK


def test_the_common_name_is_nobody() -> None:
    with pytest.raises(Unauthenticated):
        read_identity(_self_made([], common_name="bank-a"))
    named_otherwise = _self_made([_uri("spiffe://riverside/node/bank-b")], common_name="bank-a")
    assert read_identity(named_otherwise).id == "bank-b"


@pytest.mark.parametrize(
    "names",
    [
        [x509.DNSName("bank-a")],
        [_uri("spiffe://riverside/node/bank-a"), _uri("spiffe://riverside/node/bank-b")],
        [_uri("spiffe://riverside/node/bank-a"), _uri("https://bank-a.example")],
        [_uri("spiffe://riverside/admin/bank-a")],
        [_uri("spiffe://riverside/node/bank-a/more")],
        [_uri("spiffe://riverside/node/")],
        [_uri("spiffe://riverside/node/bank-a?x=1")],
        [_uri("https://riverside/node/bank-a")],
        [_uri("SPIFFE://riverside/node/bank-a")],
    ],
)
def test_anything_but_exactly_one_uri_of_our_form_is_nobody(names: list[x509.GeneralName]) -> None:
    with pytest.raises(Unauthenticated):
        read_identity(_self_made(names))


def test_a_name_in_the_uri_follows_the_rules_for_names() -> None:
    with pytest.raises(Invalid):
        read_identity(_self_made([_uri("spiffe://riverside/node/-bank--a-")]))


@pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN CERTIFICATE-----", b"x" * 100_000])
def test_bytes_that_are_no_certificate_are_nobody(data: bytes) -> None:
    with pytest.raises(Unauthenticated):
        read_identity(data)


def test_a_renewed_certificate_keeps_its_pin_and_its_names() -> None:
    old, later = _issue(), NOW + timedelta(days=5)
    request = pem(create_request(KEY, BANK, HOSTS)).encode()
    new = AUTHORITY.renew(old, request, now=later)
    assert spki_pin(new) == spki_pin(old)
    assert certificates.alternative_names(new) == certificates.alternative_names(old)
    assert new.not_valid_after_utc == later + timedelta(days=7)
    assert new.serial_number != old.serial_number


def test_a_renewal_for_another_name_is_refused() -> None:
    other = pem(create_request(KEY, Identity("riverside", Role.NODE, "bank-b"), HOSTS)).encode()
    with pytest.raises(Unauthenticated, match="other names"):
        AUTHORITY.renew(_issue(), other, now=NOW)


def test_a_renewal_under_another_key_is_refused() -> None:
    other = pem(create_request(create_tls_key(), BANK, HOSTS)).encode()
    with pytest.raises(Unauthenticated, match="keeps its key"):
        AUTHORITY.renew(_issue(), other, now=NOW)


def test_a_certificate_of_another_authority_is_not_renewed() -> None:
    foreign = Authority.create("riverside", NOW).issue(BANK, KEY.public_key(), HOSTS, now=NOW)
    with pytest.raises(Unauthenticated, match="authority"):
        AUTHORITY.renew(foreign, pem(create_request(KEY, BANK, HOSTS)).encode(), now=NOW)


def test_a_request_carries_its_own_valid_signature() -> None:
    request = create_request(KEY, BANK, HOSTS)
    assert spki_pin(check_request(pem(request).encode(), BANK, HOSTS)) == spki_pin(_issue())
    der = bytearray(request.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    forged = pem(x509.load_der_x509_csr(bytes(der))).encode()
    with pytest.raises(Unauthenticated, match="not signed"):
        check_request(forged, BANK, HOSTS)


@pytest.mark.parametrize("hosts", [(), HOSTS[:2], (*HOSTS, "bank-b.example")])
def test_a_request_asks_for_exactly_the_expected_names(hosts: tuple[str, ...]) -> None:
    with pytest.raises(Unauthenticated, match="other names"):
        check_request(pem(create_request(KEY, BANK, hosts)).encode(), BANK, HOSTS)


@pytest.mark.parametrize("data", [b"", b"junk", b"x" * 100_000])
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    with pytest.raises(Unauthenticated):
        check_request(data, BANK, HOSTS)


def test_a_saved_authority_loads_and_is_not_replaced(tmp_path: Path) -> None:
    AUTHORITY.save(tmp_path / "ca")
    assert Authority.load(tmp_path / "ca").fingerprint == AUTHORITY.fingerprint
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict):
        Authority.create("riverside").save(tmp_path / "ca")


def test_an_authority_with_another_key_does_not_load(tmp_path: Path) -> None:
    AUTHORITY.save(tmp_path / "ca")
    Authority.create("riverside").save(tmp_path / "other")
    (tmp_path / "other" / "ca.key").replace(tmp_path / "ca" / "ca.key")
    with pytest.raises(Invalid):
        Authority.load(tmp_path / "ca")


def test_a_leaf_is_no_authority() -> None:
    with pytest.raises(Unauthenticated):
        authority_consortium(_issue())


def test_a_home_renews_in_place_even_after_expiry(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create_keys(Role.NODE)
    home.put_certificate(AUTHORITY.issue(BANK, home.tls_key().public_key(), HOSTS, now=NOW))
    pin = spki_pin(home.certificate())
    renew_here(home, AUTHORITY, now=NOW + timedelta(days=30))
    assert spki_pin(home.certificate()) == pin
    assert home.certificate().not_valid_after_utc == NOW + timedelta(days=37)


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("bank-a.example:7000", ("bank-a.example",)),
        ("127.0.0.1:7000", ("127.0.0.1", "localhost")),
        ("localhost:7000", ("127.0.0.1", "localhost")),
        ("[::1]:7000", ("127.0.0.1", "::1", "localhost")),
        ("10.0.0.7:65535", ("10.0.0.7",)),
    ],
)
def test_a_server_is_called_by_its_host_and_locally_by_localhost(address: str, hosts: tuple[str, ...]) -> None:
    assert addresses.hosts_of(address) == hosts


@pytest.mark.parametrize(
    "address", ["", "bank-a", ":7000", "bank-a:", "bank-a:0", "bank-a:65536", "bank-a:7²", "a b:1", "-a:1", "a..b:1"]
)
def test_an_address_has_a_host_and_a_port(address: str) -> None:
    with pytest.raises(Invalid):
        addresses.split(address)
