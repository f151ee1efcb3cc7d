"""Which key to seal to for each node: the manifest's, or the newest that the node has signed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from steelyard.documents.sealing_key import OF_MANIFEST, SealingKey
from steelyard.documents.signed import Signed
from steelyard.errors import Cheated, Unauthenticated
from steelyard.identity.membership import Membership

COORDINATOR: Final = "coordinator"


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """What one client knows; `learned` gives a newer state.  Raises Unauthenticated for what no node has signed."""

    membership: Membership
    signed: Mapping[str, Signed]  # by party
    _checked: Mapping[str, SealingKey] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {party: checked(self.membership, party, signed) for party, signed in self.signed.items()}
        object.__setattr__(self, "_checked", found)

    def learned(self, relayed: Iterable[tuple[str, Signed]]) -> SealingKeys:
        """With what the coordinator relays as of each party.

        Raises Unauthenticated for what that party did not sign, Cheated for a key older than one that is known.
        """
        newer = dict(self.signed)
        for party, signed in relayed:
            said, known = checked(self.membership, party, signed), self._known(party)
            if said.number < known.number or (said.number == known.number and said.key != known.key):
                text = f"the sealing key {said.number} of {party} is relayed, and {known.number} is known already"
                raise Cheated(f"{text}: somebody plays an old key back", suspects=(COORDINATOR, party))
            newer[party] = signed
        return replace(self, signed=newer)

    def number(self, party: str) -> int:
        return self._known(party).number

    def key(self, party: str) -> str:
        """64 hexadecimal digits."""
        return self._known(party).key

    def _known(self, party: str) -> _Known:
        if party in self._checked:
            return _Known(self._checked[party].number, self._checked[party].key)
        return _Known(OF_MANIFEST, self.membership.node_sealing_key(party).hex())


@dataclass(frozen=True, slots=True)
class _Known:
    number: int
    key: str


def checked(membership: Membership, party: str, signed: Signed) -> SealingKey:
    """The key that this party's node has signed for itself; raises Unauthenticated."""
    key = membership.signing_keys.get(party)
    if key is None:
        raise Unauthenticated(f"the manifest lists no node of {party[:60]}")
    said = signed.open(SealingKey, {party: key})
    if (said.party, said.consortium) != (party, membership.consortium):
        raise Unauthenticated(f"{party} signed a sealing key for another party or consortium")
    return said
