"""Domain-separated, length-prefixed SHA-256: no two different lists of parts give the same hash input."""

from __future__ import annotations

import hashlib

Part = bytes | bytearray | memoryview


def frame(domain: str, *parts: Part) -> bytes:
    """The unambiguous encoding of `parts` under `domain`: each part behind its length in 8 bytes."""
    pieces: list[Part] = []
    for part in (f"steelyard/v1/{domain}".encode(), *parts):
        pieces += [len(memoryview(part).cast("B")).to_bytes(8, "little"), part]
    return b"".join(pieces)


def digest(domain: str, *parts: Part) -> bytes:
    """32 bytes: SHA-256 of `frame(domain, *parts)`, without copying large parts."""
    hasher = hashlib.sha256()
    for part in (f"steelyard/v1/{domain}".encode(), *parts):
        view = memoryview(part).cast("B")
        hasher.update(len(view).to_bytes(8, "little"))
        hasher.update(view)
    return hasher.digest()
