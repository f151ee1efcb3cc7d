"""What the operating system knows of other processes: bytes sent over TCP and peak memory.  Linux; elsewhere None."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_SETTLED: Final = 0.05  # seconds without a byte
_PATIENCE: Final = 2.0  # seconds; a health check may come in between


def peak_rss(pids: Iterable[int]) -> int | None:
    """Bytes: the largest process's most, since it started."""
    found = [peak for pid in pids if (peak := _peak(pid)) is not None]
    return max(found, default=None)


def bytes_sent(pids: Sequence[int]) -> list[int] | None:
    """Per process, what its open TCP sockets have sent so far, once it has come to rest; TLS and headers included."""
    end, before = time.monotonic() + _PATIENCE, _bytes_sent(pids)
    while before is not None and time.monotonic() < end:
        time.sleep(_SETTLED)
        now = _bytes_sent(pids)
        if now == before:
            break
        before = now
    return before


def _peak(pid: int) -> int | None:
    with suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def _bytes_sent(pids: Sequence[int]) -> list[int] | None:
    try:
        per_socket = dict(_sockets())
        return [sum(per_socket.get(inode, 0) for inode in _inodes(pid)) for pid in pids]
    except (OSError, AttributeError):
        return None


def _inodes(pid: int) -> Iterator[int]:
    for name in (_PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            target = os.readlink(name)
            if target.startswith("socket:["):
                yield int(target[len("socket:[") : -1])


# What follows is sock_diag(7), the kernel interface behind `ss`, which a small container image does not have.

_SOCK_DIAG: Final = 4  # netlink family; also the first message type is 20, SOCK_DIAG_BY_FAMILY
_BY_FAMILY: Final = 20
_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ENDS: Final = (2, 3)  # NLMSG_ERROR, NLMSG_DONE
_INFO: Final = 2  # attribute INET_DIAG_INFO: struct tcp_info
_HEADER: Final = 16
_MESSAGE: Final = 72  # struct inet_diag_msg; the inode is its last word
_SENT: Final = 200  # offset of tcpi_bytes_sent in struct tcp_info, since Linux 4.19


def _sockets() -> Iterator[tuple[int, int]]:
    """(inode, bytes sent) of every TCP socket in this network namespace."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(_PATIENCE)
            request = struct.pack("<BBBBI48s", family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, 0xFFFFFFFF, b"")
            kernel.send(struct.pack("<IHHII", _HEADER + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
            yield from _answers(kernel)


def _answers(kernel: socket.socket) -> Iterator[tuple[int, int]]:
    while True:
        data = kernel.recv(1 << 18)
        while data:
            length, kind = struct.unpack_from("<IH", data)
            if kind in _ENDS:
                return
            (inode,) = struct.unpack_from("<I", data, _HEADER + _MESSAGE - 4)
            yield inode, _sent(data[_HEADER + _MESSAGE : length])
            data = data[_aligned(length) :]


def _sent(attributes: bytes) -> int:
    while len(attributes) >= 4:
        length, kind = struct.unpack_from("<HH", attributes)
        if kind == _INFO and length >= 4 + _SENT + 8:
            return int(struct.unpack_from("<Q", attributes, 4 + _SENT)[0])
        attributes = attributes[_aligned(length) :]
    return 0


def _aligned(length: int) -> int:
    return max(4, (length + 3) & ~3)
