"""A profile: whom it makes of its user, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.local.layout import LocalConsortium
from clients.local.prepare import loopback_plan, prepare
from clients.sdk import Profile
from clients.sdk.desk import Desk
from clients.sdk.owner import Owner
from steelyard.errors import Invalid, NotFound, Unauthenticated


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    consortium = LocalConsortium.at(tmp_path_factory.mktemp("profile") / "d")
    prepare(consortium, loopback_plan(("bank-a", "bank-b"), 2))
    return consortium.root


def written(directory: Path, text: str) -> Profile:
    (directory / "profile.toml").write_text(text)
    return Profile.open(directory)


def test_a_profile_that_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="steelyard local up"):
        Profile.open(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'consortium = "local"\npassword = "x"\n',
        "consortium = 3\n",
        "consortium",
        'consortium = "local"\ncoordinator = "x"\n',
    ],
    ids=["unknown key", "wrong type", "no TOML", "no address"],
)
def test_a_profile_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid):
        written(tmp_path, text)


def test_a_profile_of_another_consortium_is_refused(made: Path, tmp_path: Path) -> None:
    identity = made / "requesters" / "analyst"
    with pytest.raises(Unauthenticated, match="other"):
        Desk(written(tmp_path, f'consortium = "other"\nidentity = "{identity}"\n'))


def test_an_owners_keys_do_not_make_a_requester(made: Path, tmp_path: Path) -> None:
    identity = made / "owners" / "bank-a"
    with pytest.raises(Unauthenticated, match="not of a requester"):
        Desk(written(tmp_path, f'consortium = "local"\nidentity = "{identity}"\n'))


def test_a_manifest_that_does_not_begin_at_the_pin_is_refused(made: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity"
    identity.mkdir()
    for path in (made / "requesters" / "analyst").iterdir():
        (identity / path.name).write_bytes(path.read_bytes())
    (identity / "pin").write_text("0" * 64)
    with pytest.raises(Unauthenticated, match="pinned"):
        Desk(written(tmp_path, 'consortium = "local"\nidentity = "identity"\n'))


def test_an_owners_profile_owns_and_does_not_ask(made: Path, tmp_path: Path) -> None:
    profile = written(tmp_path, f'consortium = "local"\n[owners]\nbank-a = "{made / "owners" / "bank-a"}"\n')
    assert Owner(profile, "bank-a").party == "bank-a"
    with pytest.raises(NotFound, match="identity"):
        Desk(profile)
    with pytest.raises(NotFound, match="bank-b"):
        Owner(profile, "bank-b")


def test_the_coordinators_address_may_be_another_than_the_manifests(made: Path, tmp_path: Path) -> None:
    identity = made / "requesters" / "analyst"
    text = f'consortium = "local"\nidentity = "{identity}"\ncoordinator = "127.0.0.1:1"\n'
    assert Desk(written(tmp_path, text)).coordinator.address == "127.0.0.1:1"
