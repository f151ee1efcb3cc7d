"""Who signs a note that names no headers, or complains of nobody who dealt, is the cheat, and not they who object."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from protocols.vaults import Holders, values

from steelyard import records
from steelyard.documents.dealing import CheckNote
from steelyard.documents.signed import from_wire, sign, to_wire
from steelyard.errors import Cheated
from steelyard.ids import PartyId
from steelyard.protocols import testimony


@pytest.mark.parametrize("lie", [{"headers": {}}, {"complaints": ("nobody",)}, {"complaints": ("bank-c",)}])
def test_nobody_honest_is_convicted_for_it(lie: dict[str, Any]) -> None:
    holders = Holders(2, 3, values(5))
    liar = holders.parties[2]

    def tamper(sender: PartyId, receiver: PartyId, round_: Any, message: Any) -> Any:
        if sender != liar or round_.step not in ("check", "open"):
            return message
        if round_.step == "open":  # it shows no other note of its own, either
            told = records.from_json(bytes(message), testimony.Testimony)
            others = tuple(each for each in told.notes if each.signer != liar)
            return msgspec.json.encode(msgspec.structs.replace(told, notes=others))
        note = from_wire(bytes(message)).expect(CheckNote)
        return to_wire(sign(msgspec.structs.replace(note, **lie), liar, holders.signing[liar]))

    ran = holders.refresh(tamper=tamper)
    for party in holders.parties[:2]:
        error = ran.outcome[PartyId(party)]
        assert isinstance(error, Cheated)
        assert set(error.culprits) <= {liar}
