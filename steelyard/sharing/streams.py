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
from steelyard.sharing.attempt_keys import AttemptKeys

Among = tuple[PartyId, frozenset[PartyId]]  # dealer and receivers
_PATH = "streams"


class Streams:
    """Those that one party knows; `seeds` are the root keys of groups of several receivers."""

    def __init__(self, me: PartyId, keys: AttemptKeys, seeds: Mapping[Among, bytes]) -> None:
        self._me = me
        self._keys = keys
        self._roots = dict(seeds)
        self._opened: set[tuple[str, str, Among]] = set()

    def open(self, kind: str, lane: str, dealer: PartyId, receivers: frozenset[PartyId]) -> Keystream:
        """A new stream; Conflict when it was opened before, Invalid when it is not ours."""
        among = (dealer, receivers)
        if (kind, lane, among) in self._opened:
            raise Conflict("a stream is used for one dealing only", party=self._me)
        self._opened.add((kind, lane, among))
        info = frame("lane", kind.encode(), lane.encode())
        return Keystream(HKDFExpand(SHA256(), KEY_BYTES, info).derive(self._root(among)))

    def _root(self, among: Among) -> bytes:
        dealer, receivers = among
        if among not in self._roots:
            if len(receivers) != 1:
                raise Invalid("no seed was exchanged for this group")
            self._roots[among] = self._keys.stream_key(_PATH, dealer, *receivers)
        return self._roots[among]

    def __repr__(self) -> str:
        return f"<streams of {self._me} for one attempt>"
