"""Uploads: whole, or an error that says what to do; in memory and never on a disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path
from queue import Queue
from threading import Event

import polars as pl
import pytest

from node import plain
from node.service import NodeService
from node.uploads import MAX_UPLOAD, memory_file, received, remove_uploads_of_before
from steelyard.errors import Failed, Invalid
from steelyard.tables import reader
from steelyard.v1 import node_pb2


async def pieces(*contents: bytes) -> AsyncIterator[node_pb2.ImportDatasetRequest]:
    for content in contents:
        yield node_pb2.ImportDatasetRequest(file_name="../accounts.csv", content=content)


async def arrives(*contents: bytes) -> tuple[str, bytes]:
    """Name and content of the file, as an import finds it."""
    with memory_file() as (file, path):
        _, called = await received(pieces(*contents), file)
        return called, path.read_bytes()


async def test_a_file_arrives_under_its_own_name() -> None:
    assert await arrives(b"a\n", b"1\n") == ("accounts.csv", b"a\n1\n")


async def test_no_file_at_all_is_invalid() -> None:
    with pytest.raises(Invalid, match="no file"):
        await arrives()


async def test_too_large_a_file_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_UPLOAD == 1 << 30
    monkeypatch.setattr("node.uploads.MAX_UPLOAD", 3)
    with pytest.raises(Invalid, match="GiB"):
        await arrives(b"a\n", b"1\n")


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_every_format_is_read_from_memory(kind: str) -> None:
    frame = pl.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    with memory_file() as (file, path):
        {"csv": frame.write_csv, "parquet": frame.write_parquet, "xlsx": frame.write_excel}[kind](file)  # type: ignore[operator]
        file.flush()
        table = reader.read(path, None, f"t.{kind}")
    assert [row[0] for row in plain.rows(table.frame, table.schema)] == ["x", "y"]


def test_the_memory_of_an_upload_has_no_name_on_any_disk() -> None:
    with memory_file() as (file, path):
        file.write(b"secret")
        file.flush()
        assert os.readlink(path).startswith("/memfd:")
    assert not path.exists() or not os.readlink(path).startswith("/memfd:upload")


async def test_an_import_whose_caller_is_gone_reads_its_own_file_to_the_end() -> None:
    """The path is a number of this process: once the file is closed, the next upload has it."""
    begun, end, read = Event(), Event(), Queue[bytes]()

    class Slow(NodeService):
        def __init__(self) -> None: ...

        def _import(self, first: object, path: Path, called: str) -> node_pb2.ImportDatasetResponse:
            begun.set()
            assert end.wait(60)
            read.put(path.read_bytes() if path.exists() else b"nothing")
            return node_pb2.ImportDatasetResponse()

    task = asyncio.create_task(Slow().ImportDataset(pieces(b"mine"), None))  # type: ignore[arg-type]
    assert await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.wait([task], timeout=0.1)
    with memory_file() as (file, _):
        await received(pieces(b"another's"), file)
        end.set()
        await asyncio.wait([task])
        assert await asyncio.to_thread(read.get, timeout=60) == b"mine"
    assert task.cancelled()


async def test_memory_that_does_not_suffice_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "memfd_create", full)
    with pytest.raises(Failed, match=r"Cannot allocate memory\): make room and import again"):
        await arrives(b"a\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
async def test_a_file_that_finds_no_room_is_told_in_the_same_way() -> None:
    full = FileIO("/dev/full", "wb")
    with pytest.raises(Failed, match="No space left"):
        await received(pieces(b"a\n", b"1\n"), full)  # type: ignore[arg-type]
    full.close()


def test_what_an_older_version_left_behind_in_a_crash_goes_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "upload-x1").mkdir()
    (tmp_path / "upload-x1" / "accounts.csv").write_text("half of it")
    (tmp_path / "node.db").touch()
    remove_uploads_of_before(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["node.db"]
