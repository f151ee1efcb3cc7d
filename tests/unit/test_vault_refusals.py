"""What the vault does not open: another key, node, time or version; each with its reason, and nothing overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from unit.vaults import OTHER, UNIT, Crash, Place, dies_at, flip, inside

from steelyard.errors import StoreFault


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_store_under_another_key_is_refused_and_nothing_overwritten(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    right = place.keys.read_text()
    place.keys.write_text("ab" * 32 + "\n")
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "wrong key" in inside(error)
    place.keys.write_text(right)
    with place.opened() as vault:
        assert vault.units() == [UNIT]


def test_a_missing_key_is_never_made_anew_for_a_store_that_needs_it(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    place.keys.unlink()
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "put it back" in inside(error)
    assert not place.keys.exists()


def test_a_store_copied_to_another_node_is_refused(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    with pytest.raises(StoreFault) as error, place.opened(node="bank-b"):
        pass
    assert "belongs to bank-a" in inside(error)
    with place.opened() as vault:  # even by who changes the name in the database
        vault._database.execute("UPDATE vault SET node = 'bank-b'")
    with pytest.raises(StoreFault) as error, place.opened(node="bank-b"):
        pass
    assert "another unit or node" in inside(error)


def test_an_older_copy_of_the_store_is_refused(place: Place, tmp_path: Path) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    copy = tmp_path / "copy"
    shutil.copytree(place.root / "state", copy)
    with place.opened():
        pass  # one more start is enough
    newest = tmp_path / "newest"
    shutil.copytree(place.root / "state", newest)
    shutil.rmtree(place.root / "state")
    shutil.copytree(copy, place.root / "state")
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "older" in inside(error)
    shutil.rmtree(place.root / "state")
    shutil.copytree(newest, place.root / "state")
    with place.opened() as vault:
        assert vault.units() == [UNIT]


def test_another_store_in_its_place_is_refused_but_an_empty_one_may_begin(place: Place, tmp_path: Path) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    other = Place(tmp_path / "other")
    other.root.mkdir()
    shutil.copy(place.keys, other.keys)
    with other.opened() as vault:
        vault.create(UNIT)
    shutil.rmtree(place.root / "state")
    shutil.copytree(other.root / "state", place.root / "state")
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "not the store" in inside(error)
    shutil.rmtree(place.root / "state")  # a lost disk
    with place.opened() as vault:
        assert vault.units() == []


def test_a_mark_that_cannot_be_read_stops_the_start(place: Place) -> None:
    with place.opened():
        pass
    place.mark.write_text("not a mark at all\n")
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "damaged" in inside(error)


def test_a_mark_left_behind_by_a_crash_is_moved_on(place: Place) -> None:
    with pytest.raises(Crash), place.opened(step=dies_at("marked", 2)) as vault:
        vault.create(UNIT)
    before = place.mark.read_text()
    with place.opened() as vault:
        assert vault.units() == [UNIT]
    assert place.mark.read_text() != before


def test_a_changed_bit_in_a_wrapped_key_is_told(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        (wrapped,) = vault._database.one("SELECT wrapped FROM vault_key") or (b"",)
        vault._database.execute("UPDATE vault_key SET wrapped = ?", (wrapped[:-1] + bytes([wrapped[-1] ^ 1]),))
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "damaged" in inside(error)


def test_a_codec_of_a_newer_version_is_told(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault._database.execute("UPDATE vault_key SET codec = 'future'")
    with pytest.raises(StoreFault) as error, place.opened():
        pass
    assert "newer version" in inside(error)


def test_the_status_names_what_is_wrong_and_only_that(place: Place) -> None:
    with place.opened() as vault:
        for unit in (UNIT, OTHER):
            vault.create(unit)
            vault.write(unit, "rows", [bytes(3 << 20)])
        harmed = next(vault._folder.glob(f"{vault._keys.get(OTHER).id}*"))
        flip(harmed, 1_000_000)
        assert vault.status().faults == ()  # structure only
        (fault,) = vault.status(verify=True).faults
        assert fault.unit == OTHER
        assert "bits" in fault.problem
        harmed.write_bytes(harmed.read_bytes()[:1_000_000])
        (fault,) = vault.status().faults
        assert "torn" in fault.problem
        assert vault.read(UNIT, "rows") == bytes(3 << 20)
