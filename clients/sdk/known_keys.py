"""The nodes' sealing keys that a profile knows: kept, so that an older one is noticed when it is played back."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steelyard import records
from steelyard.documents.signed import Signed
from steelyard.errors import SteelyardError
from steelyard.identity import files
from steelyard.identity.membership import Membership
from steelyard.identity.sealing_keys import SealingKeys, checked

FILE: Final = "sealing-keys.json"
_MAX_FILE: Final = 1 << 20


def known_keys(folder: Path, membership: Membership) -> SealingKeys:
    """What lies in the profile's folder and still holds under this manifest."""
    found: dict[str, Signed] = {}
    if (folder / FILE).exists():
        with suppress(records.DecodeError):
            found = records.from_json(files.read(folder / FILE, _MAX_FILE), dict[str, Signed])
    return SealingKeys(membership, {party: each for party, each in found.items() if _holds(membership, party, each)})


def learn(folder: Path, membership: Membership, relayed: Iterable[tuple[str, Signed]]) -> SealingKeys:
    """Adds what the coordinator relays and keeps it; raises as `SealingKeys.learned`."""
    known = known_keys(folder, membership)
    learned = known.learned(relayed)
    if learned != known:
        files.replace(folder / FILE, msgspec.json.encode(dict(learned.signed)))
    return learned


def _holds(membership: Membership, party: str, signed: Signed) -> bool:
    try:
        checked(membership, party, signed)
    except SteelyardError:
        return False
    return True
