"""`Line`: what the requester may see of a training run under way, sealed to it: the coordinator cannot read it.

A line is one node's word, unlike a result: for people who watch.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from steelyard import records
from steelyard.digest import frame
from steelyard.errors import Malformed
from steelyard.identity.sealing import seal, unseal

MAX_BYTES: Final = 1024  # of a sealed line


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sum of a run has been formed.  `seconds` are by stage since the line before, `sent` the bytes to others."""

    number: int
    step: str
    parties: int
    values: int
    seconds: dict[str, float]
    sent: int
    resumed: bool = False
    loss: float | None = None
    auc: float | None = None
    ks: float | None = None
    epsilon_left: float | None = None


def sealed(line: Line, computation: str, party: str, key: bytes) -> bytes:
    return seal(key, msgspec.json.encode(line), _context(computation, party))


def opened(ciphertext: bytes, computation: str, party: str, key: X25519PrivateKey) -> Line | None:
    """None for what is no line of this party: nothing depends on it."""
    try:
        return records.from_json(unseal(key, ciphertext, _context(computation, party)), Line)
    except (Malformed, records.DecodeError):
        return None


def _context(computation: str, party: str) -> bytes:
    return frame("training-line", computation.encode(), party.encode())
