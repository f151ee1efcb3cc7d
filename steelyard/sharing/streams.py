"""The keystreams of one attempt: a root key per dealer and group of receivers, and from it a stream for each lane.

A lane is a name for one sequence of dealings.  Dealer and receivers take the same bytes in the same order, lane by
lane; a lane is opened once, so no stream serves two dealings.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from steelyard.digest import frame
from steelyard.errors import Conflict, Invalid
from steelyard.ids import PartyId
from steelyard.randomness import KEY_BYTES, Keystream

Among = tuple[PartyId, frozenset[PartyId]]  # dealer and receivers


class Streams:
    """Those that one party knows; `roots` are its keys as a dealer or a receiver, one for every group."""

    def __init__(self, roots: Mapping[Among, bytes]) -> None:
        self._roots = roots
        self._opened: set[tuple[str, str, Among]] = set()

    def open(self, kind: str, lane: str, dealer: PartyId, receivers: frozenset[PartyId]) -> Keystream:
        """A new stream; Conflict when it was opened before, Invalid when it is not ours."""
        among = (dealer, receivers)
        if among not in self._roots:
            raise Invalid("this group has no key, or I am not in it")
        if (kind, lane, among) in self._opened:
            raise Conflict("a stream is used for one dealing only")
        self._opened.add((kind, lane, among))
        info = frame("lane", kind.encode(), lane.encode())
        return Keystream(HKDFExpand(SHA256(), KEY_BYTES, info).derive(self._roots[among]))

    def __repr__(self) -> str:
        return "<streams of one attempt>"
