"""The signature under a dealing's header: looked at when somebody is to be blamed, and then a forgery tells."""

from __future__ import annotations

import msgspec
import pytest
from protocols.consortium import Consortium, question
from protocols.test_total import balances, opened

from steelyard.documents.signed import from_wire, to_wire
from steelyard.errors import Cheated
from steelyard.ids import PartyId
from steelyard.rounds import Round, run_locally

VILLAIN = PartyId("bank-a")


def forged(message: bytes, *, share: bool = False) -> bytes:
    """A deal message whose header is not signed; its share, if it has one, does not fit either if `share`."""
    size = int.from_bytes(message[:4], "little")
    header, body = from_wire(message[4 : 4 + size]), bytearray(message[4 + size :])
    if share and body:
        body[0] ^= 1
    front = to_wire(msgspec.structs.replace(header, signature=bytes(64)))
    return b"".join((len(front).to_bytes(4, "little"), front, bytes(body)))


def dealt(*, share: bool, elsewhere: bool = False) -> dict[PartyId, object]:
    """`elsewhere`: somebody else lies in the check, so that headers are held against people."""
    consortium = Consortium(4, 2)

    def tamper(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        if elsewhere and sender == consortium.parties[3] and round_.step == "check":
            return bytes(32) + message[32:]
        return forged(message, share=share) if sender == VILLAIN and round_.step == "deal" else message

    outcome = run_locally(consortium.totals(question(), balances(consortium, 1, 2, 3, 4)), tamper)
    if not share and not elsewhere:
        assert opened(consortium, outcome) == [10]
    return outcome  # type: ignore[return-value]


def test_a_forged_signature_under_a_true_header_does_no_harm() -> None:
    dealt(share=False)


@pytest.mark.parametrize(("share", "elsewhere"), [(True, False), (False, True)], ids=["a wrong share", "a dispute"])
def test_a_forged_header_names_its_dealer_when_it_would_be_evidence(share: bool, elsewhere: bool) -> None:
    outcome = dealt(share=share, elsewhere=elsewhere)
    errors = [each for party, each in outcome.items() if party != VILLAIN]
    cheated = [each for each in errors if isinstance(each, Cheated)]
    assert cheated
    assert all(each.culprits == (VILLAIN,) for each in cheated)
