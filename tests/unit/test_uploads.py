"""Uploads: whole, or an error that says what to do and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.uploads import Uploads, received
from steelyard.errors import Failed, Invalid
from steelyard.v1 import node_pb2


async def pieces(*contents: bytes) -> AsyncIterator[node_pb2.ImportDatasetRequest]:
    for content in contents:
        yield node_pb2.ImportDatasetRequest(file_name="../accounts.csv", content=content)


async def arrives(uploads: Uploads, *contents: bytes) -> tuple[str, bytes]:
    """Name and content of the file, as an import finds it."""
    with uploads.folder() as folder:
        _, path = await received(pieces(*contents), folder)
        return path.name, path.read_bytes()


def files(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def test_a_file_arrives_under_its_own_name_and_goes_with_its_import(tmp_path: Path) -> None:
    assert await arrives(Uploads(tmp_path), b"a\n", b"1\n") == ("accounts.csv", b"a\n1\n")
    assert files(tmp_path) == []


async def test_no_file_at_all_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no file"):
        await arrives(Uploads(tmp_path))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
async def test_a_disk_that_fills_up_is_told_with_what_to_do_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, uploads = Path.open, Uploads(tmp_path)

    def fills_up(path: Path, mode: str) -> object:
        return opened(Path("/dev/full") if path.exists() else path, mode)  # the second piece finds no room

    monkeypatch.setattr(Path, "open", fills_up)
    with pytest.raises(Failed, match=r"No space left on device\): make room and import again"):
        await arrives(uploads, b"a\n", b"1\n")
    assert files(tmp_path) == []


def test_a_disk_without_room_for_the_folder_is_told_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    uploads = Uploads(tmp_path)
    monkeypatch.setattr(os, "mkdir", full)
    with pytest.raises(Failed, match="make room and import again"), uploads.folder():
        pass


def test_what_a_crash_left_behind_goes_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "upload-x1").mkdir()
    (tmp_path / "upload-x1" / "accounts.csv").write_text("half of it")
    (tmp_path / "node.db").touch()
    Uploads(tmp_path)
    assert files(tmp_path) == ["node.db"]
