"""Joining: a token works once, in time, for one name; a file changed on the way is refused; the joiner checks too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steelyard import records
from steelyard.documents.signed import Signed, from_wire, sign_bytes, to_wire
from steelyard.errors import Conflict, Invalid, Malformed, Unauthenticated
from steelyard.identity import certificates, enrolment
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Identity, Role, create_request, pem, spki_pin
from steelyard.identity.entries import Joiner
from steelyard.identity.homes import Layout
from steelyard.identity.inspection import inspect
from steelyard.identity.keys import create_tls_key
from steelyard.identity.local import make_local_consortium
from steelyard.identity.tokens import LIFETIME, Tokens, token_key

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTHORITY = Authority.create("riverside", NOW)
BANK = Joiner("node", "bank-a", "bank-a.example:7000")


@dataclass
class Scene:
    """An authority's open tokens and a joiner's own directory."""

    tokens: Tokens
    joiner: Layout

    def token(self, role: Role = Role.NODE, name: str = "bank-a") -> str:
        return self.tokens.new(role, name, NOW)

    def request(self, token: str, joiner: Joiner = BANK, fingerprint: str = AUTHORITY.fingerprint) -> bytes:
        certificate = pem(AUTHORITY.certificate).encode()
        return enrolment.request(self.joiner, joiner, token=token, authority=certificate, fingerprint=fingerprint)

    def admit(self, data: bytes, now: datetime = NOW, **options: Any) -> enrolment.Admission:
        return enrolment.admit(AUTHORITY, self.tokens, data, now=now, **options)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(Tokens(tmp_path / "tokens"), Layout(tmp_path / "joiner"))


def _resealed(data: bytes, token: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    """What a joiner with a token of its own could send: any content, rightly signed."""
    signed = from_wire(data)
    content = records.from_json(signed.payload)
    change(content)
    return to_wire(sign_bytes(signed.kind, msgspec.json.encode(content), signed.signer, token_key(token)))


@pytest.mark.parametrize(
    ("joiner", "roles"),
    [
        (BANK, {"node", "owner"}),
        (Joiner("requester", "analyst", organisation="bank-a"), {"requester"}),
        (Joiner("coordinator", "hub", "hub.example:7000"), {"coordinator"}),
    ],
)
def test_a_joiner_gets_certificates_for_the_keys_it_made(scene: Scene, joiner: Joiner, roles: set[str]) -> None:
    token = scene.token(Role(joiner.role), joiner.id)
    admission = scene.admit(scene.request(token, joiner))
    assert set(admission.certificates) == roles
    homes = enrolment.install(scene.joiner, admission)
    assert {certificates.read_identity(home.certificate()).role for home in homes} == roles
    assert admission.entry.tls == spki_pin(homes[0].certificate())
    for home in homes:
        assert home.certificate().public_key() == home.tls_key().public_key()


def test_the_token_is_in_no_file_of_either_side(scene: Scene, tmp_path: Path) -> None:
    token = scene.token()
    data = scene.request(token)
    (tmp_path / "enrolment").write_bytes(data)
    scene.admit(data)
    scene.token(name="bank-b")
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    seed = token_key(token).private_bytes_raw()
    for secret in (token.encode(), bytes.fromhex(token), seed, seed.hex().encode()):
        assert secret not in written


def test_a_stored_token_cannot_be_turned_into_an_enrolment(scene: Scene) -> None:
    token = scene.token()
    data = scene.request(token)
    stored = records.from_json(next(scene.tokens.directory.iterdir()).read_bytes())["key"]
    assert stored == token_key(token).public_key().public_bytes_raw().hex()
    with pytest.raises(Unauthenticated):
        scene.admit(_resealed(data, stored, lambda content: None))


def test_tokens_are_long_private_and_never_the_same(scene: Scene) -> None:
    made = {scene.token() for _ in range(20)}
    assert len(made) == 20
    assert {len(bytes.fromhex(token)) for token in made} == {32}
    assert {path.stat().st_mode & 0o777 for path in scene.tokens.directory.iterdir()} == {0o600}


def test_a_replayed_enrolment_is_refused(scene: Scene) -> None:
    data = scene.request(scene.token())
    scene.admit(data)
    with pytest.raises(Unauthenticated, match="no open token"):
        scene.admit(data)


def test_a_replayed_enrolment_is_refused_also_when_a_new_token_is_open(scene: Scene) -> None:
    data = scene.request(scene.token())
    scene.admit(data)
    scene.token()
    with pytest.raises(Unauthenticated, match="signature"):
        scene.admit(data)


def test_of_two_that_spend_a_token_at_the_same_time_one_is_refused(scene: Scene) -> None:
    scene.token()
    scene.tokens.spend(Role.NODE, "bank-a")
    with pytest.raises(Unauthenticated, match="used already"):
        scene.tokens.spend(Role.NODE, "bank-a")


def test_a_token_expires_after_fifteen_minutes(scene: Scene) -> None:
    assert timedelta(minutes=15) == LIFETIME
    data = scene.request(scene.token())
    with pytest.raises(Unauthenticated, match="expired"):
        scene.admit(data, NOW + LIFETIME)
    assert scene.admit(data, NOW + LIFETIME - timedelta(seconds=1))


@pytest.mark.parametrize(("role", "name"), [(Role.NODE, "bank-b"), (Role.COORDINATOR, "bank-a")])
def test_a_token_for_another_name_or_role_admits_nobody(scene: Scene, role: Role, name: str) -> None:
    data = scene.request(scene.token(role, name))
    with pytest.raises(Unauthenticated, match="no open token"):
        scene.admit(data)
    scene.token()
    with pytest.raises(Unauthenticated, match="signature"):
        scene.admit(data)


@pytest.mark.parametrize("token", ["", "00" * 31, "00" * 33, "zz" * 32])
def test_text_that_is_no_token_is_refused_unrepeated_and_before_any_key_is_made(scene: Scene, token: str) -> None:
    with pytest.raises(Invalid) as refusal:
        scene.request(token)
    assert not token or token not in refusal.value.message
    assert not scene.joiner.root.exists()


def test_another_fingerprint_is_refused_before_any_key_is_made(scene: Scene) -> None:
    with pytest.raises(Unauthenticated, match="fingerprint"):
        scene.request(scene.token(), fingerprint="00" * 32)
    assert not scene.joiner.root.exists()


def test_a_fingerprint_may_be_written_as_people_read_it_out(scene: Scene) -> None:
    text = AUTHORITY.fingerprint.upper()
    spoken = ":".join(text[at : at + 2] for at in range(0, 64, 2))
    assert scene.admit(scene.request(scene.token(), fingerprint=spoken))


def test_keys_are_never_made_twice_for_one_name(scene: Scene) -> None:
    token = scene.token()
    scene.request(token)
    with pytest.raises(Conflict):
        scene.request(token)


@pytest.mark.parametrize("old", [b"bank-a.example", b"riverside", b"signing", b"BEGIN CERTIFICATE REQUEST", b"owner"])
def test_a_file_changed_on_the_way_is_refused_and_the_token_stays_open(scene: Scene, old: bytes) -> None:
    data = scene.request(scene.token())
    signed = from_wire(data)
    assert old in signed.payload
    changed = msgspec.structs.replace(signed, payload=signed.payload.replace(old, old[:-1] + b"x", 1))
    with pytest.raises((Unauthenticated, Malformed)):
        scene.admit(to_wire(changed))
    assert scene.admit(data)


def test_a_file_of_another_kind_is_refused(scene: Scene) -> None:
    token = scene.token()
    signed = from_wire(scene.request(token))
    other = sign_bytes("manifest", signed.payload, signed.signer, token_key(token))
    with pytest.raises(Unauthenticated, match="expected"):
        scene.admit(to_wire(other))


@pytest.mark.parametrize("data", [b"", b"junk", b"{}", b"[" * 50_000])
def test_a_file_that_is_no_enrolment_is_malformed(scene: Scene, data: bytes) -> None:
    with pytest.raises(Malformed):
        scene.admit(data)


def test_an_unknown_field_is_malformed(scene: Scene) -> None:
    token = scene.token()
    data = _resealed(scene.request(token), token, lambda content: content.update(admin=True))
    with pytest.raises(Malformed):
        scene.admit(data)


@pytest.mark.parametrize("field", ["signing", "sealing", "organisation_key", "owner_tls", "address"])
def test_an_entry_that_is_not_complete_is_refused(scene: Scene, field: str) -> None:
    token = scene.token()
    data = _resealed(scene.request(token), token, lambda content: content["entry"].update({field: ""}))
    with pytest.raises((Invalid, Unauthenticated)):
        scene.admit(data)


@pytest.mark.parametrize("field", ["consortium", "authority"])
def test_an_enrolment_meant_for_another_authority_is_refused(scene: Scene, field: str) -> None:
    token = scene.token()
    other = {"consortium": "hillside", "authority": "00" * 32}[field]
    data = _resealed(scene.request(token), token, lambda content: content.update({field: other}))
    with pytest.raises(Unauthenticated, match="another"):
        scene.admit(data)


def _asking_as(name: str, role: Role = Role.NODE, hosts: tuple[str, ...] = BANK.called) -> Callable[[Any], None]:
    request = pem(create_request(create_tls_key(), Identity("riverside", role, name), hosts))
    return lambda content: content["requests"].update({"node": request})


def test_a_certificate_for_another_name_role_or_key_is_not_had_by_a_right_token(scene: Scene) -> None:
    token = scene.token()
    data = scene.request(token)
    for change in (_asking_as("bank-b"), _asking_as("bank-a", Role.COORDINATOR), _asking_as("bank-a")):
        with pytest.raises(Unauthenticated, match=r"other names|another key"):
            scene.admit(_resealed(data, token, change))


def test_a_missing_or_additional_certificate_request_is_refused(scene: Scene) -> None:
    token = scene.token()
    data = scene.request(token)
    changes: list[Callable[[Any], None]] = [
        lambda content: content["requests"].pop("owner"),
        lambda content: content["requests"].update(coordinator=content["requests"]["node"]),
    ]
    for change in changes:
        with pytest.raises(Unauthenticated, match="requests its entry needs"):
            scene.admit(_resealed(data, token, change))


def test_a_host_name_beyond_the_address_needs_the_operator_s_word(scene: Scene) -> None:
    joiner = Joiner("node", "bank-a", "bank-a.example:7000", hosts=("bank-b.example",))
    data = scene.request(scene.token(), joiner)
    with pytest.raises(Unauthenticated, match="host names"):
        scene.admit(data)
    assert scene.admit(data, hosts=["bank-b.example"])


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "node", "id": "bank-a"},
        {"role": "node", "id": "Bank", "address": "a:1"},
        {"role": "node", "id": "bank-a", "address": "a:1", "organisation": "bank-b"},
        {"role": "requester", "id": "analyst"},
        {"role": "requester", "id": "analyst", "organisation": "bank-a", "address": "a:1"},
        {"role": "coordinator", "id": "hub"},
    ],
)
def test_a_joiner_without_what_its_role_needs_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Joiner(**fields)


def _admission(scene: Scene) -> enrolment.Admission:
    return scene.admit(scene.request(scene.token()))


def test_the_joiner_installs_no_certificate_of_another_authority(scene: Scene) -> None:
    admission = _admission(scene)
    key = scene.joiner.home(Role.NODE, "bank-a").tls_key().public_key()
    foreign = Authority.create("riverside", NOW).issue(Identity("riverside", Role.NODE, "bank-a"), key, now=NOW)
    changed = msgspec.structs.replace(admission, certificates={**admission.certificates, "node": pem(foreign)})
    with pytest.raises(Unauthenticated, match="authority"):
        enrolment.install(scene.joiner, changed)
    assert not (scene.joiner.home(Role.OWNER, "bank-a").path / "tls.pem").exists()


def test_the_joiner_installs_no_certificate_for_another_name_or_key(scene: Scene) -> None:
    admission = _admission(scene)
    swapped = {"node": admission.certificates["owner"], "owner": admission.certificates["node"]}
    other = pem(AUTHORITY.issue(Identity("riverside", Role.NODE, "bank-a"), create_tls_key().public_key(), now=NOW))
    for held in (swapped, {**admission.certificates, "node": other}):
        with pytest.raises(Unauthenticated, match="not for"):
            enrolment.install(scene.joiner, msgspec.structs.replace(admission, certificates=held))


def test_an_admission_with_a_certificate_missing_is_malformed(scene: Scene) -> None:
    admission = _admission(scene)
    with pytest.raises(Malformed):
        enrolment.install(scene.joiner, msgspec.structs.replace(admission, certificates={}))
    with pytest.raises(Malformed):
        enrolment.read_admission(msgspec.json.encode(admission)[:-1])


def test_the_signer_of_an_enrolment_is_its_own_name(scene: Scene) -> None:
    token = scene.token()
    signed: Signed = from_wire(scene.request(token))
    renamed = sign_bytes(signed.kind, signed.payload, "node/bank-b", token_key(token))
    with pytest.raises(Unauthenticated):
        scene.admit(to_wire(renamed))


@pytest.fixture
def local(tmp_path: Path) -> Layout:
    addresses = {"bank-a": "127.0.0.1:7001", "bank-b": "127.0.0.1:7002"}
    make_local_consortium(tmp_path / "d", ["bank-a", "bank-b"], 2, addresses, "127.0.0.1:7000", now=NOW)
    return Layout(tmp_path / "d")


def _wrong(layout: Layout, now: datetime = NOW) -> dict[str, str]:
    home = layout.home(Role.NODE, "bank-a")
    return {each.check: each.explanation for each in inspect(home, "bank-a", now) if not each.ok}


def test_nothing_is_wrong_with_a_fresh_home(local: Layout) -> None:
    assert not _wrong(local)


def test_a_check_finds_what_is_wrong_and_says_so(local: Layout) -> None:
    path = local.home(Role.NODE, "bank-a").path
    assert "expired" in _wrong(local, NOW + timedelta(days=8))["expiry"]
    assert "set the clock" in _wrong(local, NOW - timedelta(days=1))["clock"]
    (path / "tls.key").chmod(0o644)
    assert "mode 0644" in _wrong(local)["permissions"]
    (path / "tls.key").unlink()
    assert "no file" in _wrong(local)["key match"]
    (path / "pin").write_text("00" * 32)
    assert set(_wrong(local)) == {"key match", "manifest", "pin"}


def test_a_check_finds_a_certificate_of_another_authority_and_a_key_that_is_not_pinned(local: Layout) -> None:
    home, key = local.home(Role.NODE, "bank-a"), create_tls_key()
    home.put_certificate(
        Authority.create("local", NOW).issue(Identity("local", Role.NODE, "bank-a"), key.public_key(), now=NOW)
    )
    assert set(_wrong(local)) == {"chain", "key match", "pin"}


def test_a_check_says_when_to_renew(local: Layout) -> None:
    home = local.home(Role.NODE, "bank-a")
    found = {each.check: each for each in inspect(home, "bank-a", NOW + timedelta(days=6))}
    assert found["expiry"].ok
    assert "renew it now" in found["expiry"].explanation
