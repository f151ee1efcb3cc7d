"""The vault: what was written is read, what was destroyed is gone, and a crash anywhere changes neither."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.vaults import OTHER, UNIT, Crash, Place, dies_at, inside

from steelyard.errors import Conflict, Failed, Invalid, NotFound, StoreFault
from steelyard.vault.codecs import AES_GCM, CODECS, FERNET
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Fault, Status, Vault

MARKER = b"the-balance-of-somebody"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def damaged(status: Status) -> list[Fault]:
    """What cannot be opened, but for units into which nothing was written."""
    return [each for each in status.faults if each.problem != "its file is missing"]


@contextmanager
def undone(vault: Vault) -> Iterator[None]:
    """A transaction that fails at its end."""
    with suppress(ZeroDivisionError), vault._database.transaction():
        yield
        raise ZeroDivisionError


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1024, (1 << 20) - 1023, 3 << 20])
def test_what_was_written_is_read_after_a_restart(place: Place, codec: str, size: int) -> None:
    data = (MARKER * (size // len(MARKER) + 1))[:size]
    with place.opened(codec=codec) as vault:
        vault.create(UNIT)
        assert vault.write(UNIT, "rows", [data[: size // 3], data[size // 3 :]]) == size
    with place.opened() as vault:
        assert vault.read(UNIT, "rows") == data
        assert max(map(len, vault.open(UNIT, "rows"))) <= 1 << 20
    assert not [file for file in place.root.rglob("*") if file.is_file() and MARKER in file.read_bytes()]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_pieces_of_any_size_are_one_file(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    with Place(tmp_path_factory.mktemp("vault")).opened(codec=AES_GCM) as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", pieces)
        assert vault.read(UNIT, "rows") == b"".join(pieces)


def test_a_unit_is_created_once_and_must_be_there(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        with pytest.raises(Conflict):
            vault.create(UNIT)
        with pytest.raises(NotFound, match="erased"):
            vault.write(OTHER, "rows", [])
        with pytest.raises(NotFound):
            vault.destroy(OTHER)
        assert vault.units() == vault.units("dataset") == [UNIT]
        assert vault.units("share") == []


@pytest.mark.parametrize("word", ["", "../x", "a/b", "x" * 101, ".hidden", "a b"])
def test_names_that_could_leave_the_folder_are_refused(place: Place, word: str) -> None:
    with pytest.raises(Invalid):
        Unit("dataset", word, "1")
    with place.opened() as vault:
        vault.create(UNIT)
        with pytest.raises(Invalid):
            vault.write(UNIT, word, [])


def test_an_unknown_kind_or_codec_is_refused(place: Place) -> None:
    with pytest.raises(Invalid, match="a vault keeps"):
        Unit("secret", "a", "1")
    with pytest.raises(Invalid, match="seals with"), place.opened(codec="rot13"):
        pass


def test_what_was_destroyed_is_gone_with_its_key(place: Place) -> None:
    with place.opened() as vault:
        for unit in (UNIT, OTHER):
            vault.create(unit)
            vault.write(unit, "rows", [MARKER])
        copy = [shutil.copy(file, place.root / file.name) for file in place.files]
        vault.destroy(UNIT)
        assert (vault.units(), len(place.files)) == ([OTHER], 1)
        for file in copy:  # even if the file comes back
            shutil.copy(file, place.folder)
        with pytest.raises(NotFound):
            vault.read(UNIT, "rows")
        assert vault.read(OTHER, "rows") == MARKER
        assert vault.sweep() == 1


def test_what_a_transaction_undoes_was_not_destroyed(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [MARKER])
        with undone(vault):
            vault.destroy(UNIT)
        assert vault.read(UNIT, "rows") == MARKER


def test_a_transaction_takes_creation_and_destruction_together(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [MARKER])
        with vault._database.transaction():
            vault.create(OTHER)
            vault.write(OTHER, "rows", [MARKER])
            vault.destroy(UNIT)
            assert len(place.files) == 2
        assert (vault.units(), len(place.files)) == ([OTHER], 1)
        with undone(vault):
            vault.create(UNIT)
            vault.write(UNIT, "rows", [MARKER])
        assert vault.units() == [OTHER]
        assert vault.sweep() == 1


def test_short_values_open_only_for_their_label_and_unit(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.create(OTHER)
        sealed = vault.seal(UNIT, "noise/1", MARKER)
        assert MARKER not in sealed
        assert vault.unseal(UNIT, "noise/1", sealed) == MARKER
        with pytest.raises(StoreFault) as error:
            vault.unseal(UNIT, "noise/2", sealed)
        assert "another file" in inside(error)
        for wrong in (sealed[:-1], sealed[:2], b"", sealed[:-1] + b"x"):
            with pytest.raises(StoreFault):
                vault.unseal(UNIT, "noise/1", wrong)
        with pytest.raises(StoreFault):
            vault.unseal(OTHER, "noise/1", sealed)
        derived = {vault.derive(unit, purpose) for unit in (UNIT, OTHER) for purpose in ("a", "b")}
        assert len(derived) == 4
        assert vault.derive(UNIT, "a") in derived


@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        ("written", [b"old"], [b"old"]),
        ("stored", [b"old"], [b"new"]),
    ],
)
def test_a_crash_during_a_write_leaves_the_old_file_or_the_new(
    place: Place, point: str, before: list[bytes], after: list[bytes]
) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", before)
    with pytest.raises(Crash), place.opened(step=dies_at(point)) as vault:
        vault.write(UNIT, "rows", [b"new"])
    with place.opened() as vault:
        assert [vault.read(UNIT, "rows")] == after
        assert len(place.files) == 1


@pytest.mark.parametrize("point", ["marked", "created"])
def test_a_crash_around_a_creation_keeps_the_unit(place: Place, point: str) -> None:
    with place.opened() as vault:
        vault.create(OTHER)
    with pytest.raises(Crash), place.opened(step=dies_at(point, 2 if point == "marked" else 1)) as vault:
        vault.create(UNIT)
    with place.opened() as vault:
        assert vault.units() == [UNIT, OTHER]
        vault.write(UNIT, "rows", [MARKER])
        assert vault.read(UNIT, "rows") == MARKER


@pytest.mark.parametrize(("point", "there"), [("key deleted", True), ("file removed", False)])
def test_a_crash_during_a_destruction_destroys_all_or_nothing(place: Place, point: str, there: bool) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [MARKER])
        vault.write(UNIT, "more", [MARKER])
    with pytest.raises(Crash), place.opened(step=dies_at(point)) as vault:
        vault.destroy(UNIT)
    with place.opened() as vault:
        assert vault.has(UNIT) is there
        assert len(place.files) == (2 if there else 0)
        if there:
            assert vault.read(UNIT, "rows") == MARKER


UNITS = [Unit("share", "pool", str(number)) for number in range(600)]


@pytest.mark.parametrize(
    ("point", "time"),
    [("rotation begun", 1), ("rewrapped", 1), ("rewrapped", 2), ("rewrapped", 3), ("marked", 2), ("rotation ended", 1)],
)
def test_a_rotation_goes_on_where_it_was_killed(place: Place, point: str, time: int) -> None:
    with place.opened(codec=AES_GCM) as vault:
        with vault._database.transaction():
            for unit in UNITS:
                vault.create(unit)
        vault.write(UNITS[7], "rows", [MARKER])
        (first,) = vault.status().held
    content = place.files[0].read_bytes()
    with pytest.raises(Crash), place.opened(step=dies_at(point, time)) as vault:
        vault.rotate()
    with place.opened() as vault:
        assert vault.read(UNITS[7], "rows") == MARKER
        again = vault.rotate()
        status = vault.status(verify=True)
    assert status.keys == {again.current: len(UNITS)}
    assert status.held == (again.current,)
    assert first != again.current
    assert damaged(status) == []
    assert place.files[0].read_bytes() == content  # re-wrapped, not encrypted again
    assert len(place.keys.read_text().split()) == 1
    if point != "rotation ended":  # otherwise there was nothing left to do, and another one was begun
        assert again.retired == (first,)


def test_a_rotation_begun_is_ended_without_beginning_another(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
    with pytest.raises(Crash), place.opened(step=dies_at("rotation begun")) as vault:
        vault.rotate()
    made = place.keys.read_text().split()
    with place.opened() as vault:
        vault.rotate()
    assert place.keys.read_text().split() == made[1:]


def test_what_is_created_during_a_rotation_can_be_opened_after_it(place: Place) -> None:
    with place.opened(codec=AES_GCM) as vault, ThreadPoolExecutor(4) as pool:
        made = pool.map(vault.create, UNITS[:60])
        turned = [pool.submit(vault.rotate) for _ in range(5)]
        assert list(made) == [None] * 60
        assert len({each.result().current for each in turned}) == 5
        assert damaged(vault.status(verify=True)) == []
        assert len(vault.status().held) == 1
    with place.opened() as vault:
        assert damaged(vault.status(verify=True)) == []


def test_threads_write_and_read_side_by_side(place: Place) -> None:
    def work(unit: Unit) -> bytes:
        vault.create(unit)
        vault.write(unit, "rows", [unit.version.encode()] * 100)
        return vault.read(unit, "rows")

    with place.opened() as vault, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, UNITS[:40])) == [unit.version.encode() * 100 for unit in UNITS[:40]]


def test_a_full_disk_keeps_the_earlier_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [b"old"])
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(Failed, match="No space left"):
                vault.write(UNIT, "rows", [b"new"])
        assert vault.read(UNIT, "rows") == b"old"
        assert len(place.files) == 1


def test_a_read_only_database_creates_and_destroys_nothing(place: Place) -> None:
    with place.opened() as vault:
        vault.create(UNIT)
        vault.write(UNIT, "rows", [MARKER])
        vault._database.one("PRAGMA query_only = ON")
        for change in (lambda: vault.create(OTHER), lambda: vault.destroy(UNIT)):
            with pytest.raises(Failed, match="read-only"):
                change()
        assert vault.read(UNIT, "rows") == MARKER


def test_a_source_that_fails_leaves_nothing(place: Place) -> None:
    def source() -> Iterator[bytes]:
        yield MARKER
        raise ZeroDivisionError

    with place.opened() as vault:
        vault.create(UNIT)
        with pytest.raises(ZeroDivisionError):
            vault.write(UNIT, "rows", source())
        assert place.files == []


def test_the_vault_prints_no_key(place: Place) -> None:
    with place.opened(codec=FERNET) as vault:
        vault.create(UNIT)
        key = vault._open(UNIT)
        for thing in (vault, key, vault._provider, vault._keys, vault._keys.get(UNIT)):
            for secret in (key.key.hex(), repr(key.key)[2:-1], place.keys.read_text().strip()):
                assert secret not in repr(thing)
