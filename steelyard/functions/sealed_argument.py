"""Arguments of a request that only one node may read, sealed to it by the requester.

The seal is bound to requester and node: copied into somebody else's request it does not open.
"""

from __future__ import annotations

from steelyard.digest import frame


def context(requester: str, party: str = "") -> bytes:
    """What the seal is bound to; no party: what the requester seals to itself."""
    return frame("sealed-argument", requester.encode(), party.encode())
