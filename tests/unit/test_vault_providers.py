"""Key-encryption keys: each provider wraps for one context only, keeps what is needed, and says what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from unit.vaults import UNIT, Place, flip

from node.config import VaultConfig, load
from node.keyring import open_vault
from steelyard.errors import Failed, Invalid, StoreFault
from steelyard.ids import PartyId
from steelyard.vault.aws_kms import KeyService
from steelyard.vault.key_file import open_key_file
from steelyard.vault.passphrase import open_passphrase
from steelyard.vault.provider import Context, Provider, Wrapped

KEY = bytes(range(32))
HERE = Context("bank-a", "dataset/accounts/1")
PHRASE = b"correct horse battery staple"


@dataclass
class Made:
    """A provider, and how a restart opens it again."""

    first: Provider
    again: Callable[[], Provider]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An alias in a key service of memory; no network."""
    moto = pytest.importorskip("moto")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with moto.mock_aws():
        import boto3

        kms = boto3.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/steelyard", TargetKeyId=key)
        yield "alias/steelyard"


@pytest.fixture(params=["file", "passphrase", "aws-kms"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    path = tmp_path / "kek"
    if request.param == "file":
        return Made(open_key_file(path, make=True), lambda: open_key_file(path, make=False))
    if request.param == "passphrase":
        return Made(open_passphrase(path, PHRASE, make=True), lambda: open_passphrase(path, PHRASE, make=False))
    alias = request.getfixturevalue("aws")
    return Made(KeyService(alias), lambda: KeyService(alias))


def test_what_it_wraps_it_unwraps_after_a_restart(made: Made) -> None:
    wrapped = made.first.wrap(KEY, HERE)
    assert KEY not in wrapped.key
    assert wrapped.version == made.first.health().current
    assert made.again().unwrap(wrapped, HERE) == KEY


@pytest.mark.parametrize("other", [Context("bank-b", HERE.unit), Context("bank-a", "dataset/accounts/2")])
def test_a_wrapped_key_opens_for_no_other_context(made: Made, other: Context) -> None:
    wrapped = made.first.wrap(KEY, HERE)
    with pytest.raises(StoreFault) as error:
        made.first.unwrap(wrapped, other)
    assert "another unit" in error.value.inside


def test_a_damaged_wrapped_key_is_refused(made: Made) -> None:
    wrapped = made.first.wrap(KEY, HERE)
    for harmed in (wrapped.key[:-1] + bytes([wrapped.key[-1] ^ 1]), wrapped.key[:5]):
        with pytest.raises(StoreFault) as error:
            made.first.unwrap(Wrapped(wrapped.version, harmed), HERE)
        assert "damaged" in error.value.inside


def test_a_rotation_keeps_what_is_old_until_it_is_dropped(made: Made) -> None:
    old = made.first.wrap(KEY, HERE)
    new = made.first.rotate({old.version})
    assert new != old.version
    assert made.first.rotate({old.version}) == new  # repeated after a crash: no third one
    again = made.again()
    assert again.health().current == new
    assert again.unwrap(old, HERE) == KEY
    assert again.wrap(KEY, HERE).version == new
    assert again.rotate(()) == new
    assert made.again().health().held == {new}


@pytest.mark.parametrize("kind", ["file", "passphrase"])
def test_a_dropped_version_opens_nothing_any_more(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "kek"
    ring = open_key_file(path, make=True) if kind == "file" else open_passphrase(path, PHRASE, make=True)
    old = ring.wrap(KEY, HERE)
    ring.rotate({old.version})
    ring.rotate(())
    again = open_key_file(path, make=False) if kind == "file" else open_passphrase(path, PHRASE, make=False)
    with pytest.raises(StoreFault) as error:
        again.unwrap(old, HERE)
    assert "wrong key" in error.value.inside


def test_a_provider_prints_no_key(made: Made, tmp_path: Path) -> None:
    secret = (tmp_path / "kek").read_text()[:32] if (tmp_path / "kek").exists() else "testing"
    assert secret not in repr(made.first)
    assert secret not in repr(made.first.wrap(KEY, HERE))


def test_a_key_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    open_key_file(path, make=True)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(StoreFault) as error:
        open_key_file(path, make=False)
    assert "chmod 600" in error.value.inside


@pytest.mark.parametrize("text", ["", "zz", "ab" * 31, "ab" * 32 + "\nab", "\xff\xfe", "ab" * 100_000])
def test_a_file_that_holds_no_keys_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kek"
    path.write_text(text, "latin-1")
    path.chmod(0o600)
    with pytest.raises(StoreFault) as error:
        open_key_file(path, make=True)
    assert str(path) in error.value.inside
    assert text[:16] not in error.value.inside or not text


def test_a_key_made_by_an_operator_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    path.write_text("ab" * 48)
    path.chmod(0o600)
    ring = open_key_file(path, make=False)
    assert ring.unwrap(ring.wrap(KEY, HERE), HERE) == KEY
    assert path.read_text() == "ab" * 48


def test_a_full_disk_keeps_the_old_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "kek"
    ring = open_key_file(path, make=True)
    before = ring.health()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Failed):
            ring.rotate({before.current})
    assert ring.health() == before == open_key_file(path, make=False).health()


def test_a_passphrase_is_stretched_as_promised(tmp_path: Path) -> None:
    open_passphrase(tmp_path / "kek", PHRASE, make=True)
    text = (tmp_path / "kek").read_text()
    assert '"memory_kib":65536,"passes":3,"lanes":1' in text
    assert PHRASE.decode() not in text


def test_a_wrong_passphrase_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    open_passphrase(path, PHRASE, make=True)
    with pytest.raises(StoreFault) as error:
        open_passphrase(path, PHRASE + b"!", make=True)
    assert "wrong passphrase" in error.value.inside
    flip(path, path.read_text().index('"keys":"') + 30)
    with pytest.raises(StoreFault) as error:
        open_passphrase(path, PHRASE, make=True)
    assert "damaged" in error.value.inside


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"passes":3', '"passes":1000000'), "does not do"),
        (('"memory_kib":65536', '"memory_kib":99999999'), "does not do"),
        (('"lanes":1', '"lanes":0'), "does not do"),
        (('"passes"', '"turns"'), "damaged"),
        (("{", ""), "damaged"),
    ],
)
def test_a_file_that_asks_for_too_much_is_refused(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    path = tmp_path / "kek"
    open_passphrase(path, PHRASE, make=True)
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(StoreFault) as error:
        open_passphrase(path, PHRASE, make=False)
    assert reason in error.value.inside


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFault) as error:
        open_passphrase(tmp_path / "kek", b"hunter2", make=True)
    assert "fewer than" in error.value.inside
    assert "hunter2" not in error.value.inside


def test_a_key_service_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StoreFault) as error:
        KeyService("alias/steelyard")
    assert "steelyard[aws]" in error.value.inside


def test_a_key_that_cannot_be_used_is_told_with_its_state(aws: str) -> None:
    import boto3

    service = KeyService(aws)
    wrapped = service.wrap(KEY, HERE)
    boto3.client("kms").disable_key(KeyId=wrapped.version.rpartition("/")[2])
    with pytest.raises(StoreFault) as error:
        service.health()
    assert "Disabled" in error.value.inside
    with pytest.raises(StoreFault) as error:
        KeyService("alias/nobody").health()
    assert "refused (NotFoundException)" in error.value.inside


def test_a_key_service_that_cannot_be_called_is_a_failure_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Failed, match="network"):
        KeyService("alias/x", region="eu-central-1", endpoint="http://127.0.0.1:1").health()


def test_a_key_without_an_alias_is_rotated_by_who_administers_it(aws: str) -> None:
    arn = KeyService(aws).health().current
    service = KeyService(arn)
    with pytest.raises(Invalid, match="make a new key"):
        service.rotate({arn})
    assert service.rotate({"another"}) == arn


def test_an_alias_that_somebody_moved_is_a_rotation(aws: str, tmp_path: Path) -> None:
    import boto3

    place, kms = Place(tmp_path), boto3.client("kms")
    with place.opened(provider=KeyService(aws)) as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [b"content"])
    moved = kms.create_key()["KeyMetadata"]["Arn"]
    kms.update_alias(AliasName=aws, TargetKeyId=moved)
    with place.opened(provider=KeyService(aws)) as vault:
        assert vault.read(UNIT, "rows") == b"content"
        assert vault.rotate().current == moved
        assert vault.status(verify=True).keys == {moved: 1}


def test_the_key_service_hears_no_name_of_a_dataset(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service, said = KeyService(aws), []
    call = service._kms.encrypt
    monkeypatch.setattr(service._kms, "encrypt", lambda **asked: (said.append(asked), call(**asked))[1])
    service.wrap(KEY, HERE)
    assert "accounts" not in repr(said)
    assert said[0]["EncryptionContext"]["node"] == "bank-a"


def config(tmp_path: Path, text: str) -> VaultConfig:
    path = tmp_path / "node.toml"
    path.write_text(
        f'party="bank-a"\nidentity="home"\nstate="state"\nlisten="127.0.0.1:1"\npolicy="p"\n[vault]\n{text}'
    )
    return load(path).vault


def test_the_key_lies_in_the_identity_unless_another_folder_is_named(tmp_path: Path) -> None:
    assert config(tmp_path, "").folder == str(tmp_path / "home")
    assert config(tmp_path, 'folder = "elsewhere"').folder == str(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "text",
    [
        'provider = "passphrase"',
        'provider = "passphrase"\npassphrase_file = "a"\npassphrase_env = "B"',
        'provider = "aws-kms"',
        'provider = "magic"',
        'codec = "rot13"',
        'passphrase = "on the configuration"',
        "cache_mib = -1",
    ],
)
def test_a_configuration_that_does_not_fit_together_is_invalid(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid):
        config(tmp_path, text)


@pytest.mark.parametrize("source", ["file", "env"])
def test_a_passphrase_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    place = Place(tmp_path)
    if source == "file":
        (tmp_path / "phrase").write_bytes(PHRASE + b"\n")
        (tmp_path / "phrase").chmod(0o600)
        chosen = config(tmp_path, 'provider = "passphrase"\npassphrase_file = "phrase"')
    else:
        chosen = config(tmp_path, 'provider = "passphrase"\npassphrase_env = "PHRASE_FOR_TESTS"')
        database = place.database()
        with pytest.raises(StoreFault) as error:
            open_vault(chosen, PartyId("bank-a"), database, place.folder)
        assert "not set" in error.value.inside
        database.close()
        monkeypatch.setenv("PHRASE_FOR_TESTS", PHRASE.decode())
    for _ in range(2):
        database = place.database()
        vault = open_vault(chosen, PartyId("bank-a"), database, place.folder)
        assert len(vault.status().held) == 1
        database.close()


def test_every_key_of_the_configuration_is_explained_to_operators() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert [key for key in VaultConfig.__struct_fields__ if f"`{key}`" not in rows] == []
