"""Hellos that the coordinator relays: the same results in one round less, and a relay that lies is found out."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from protocols.consortium import Consortium, Hellos, question
from protocols.test_total import balances, opened

from steelyard.documents.attempt import Hello
from steelyard.documents.signed import Signed, read, sign
from steelyard.errors import Cheated
from steelyard.functions.computation import ResultShare
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.rounds import Round, run_locally

VICTIM, LIED_ABOUT = PartyId("bank-b"), PartyId("bank-c")
Lie = Callable[[Consortium, Hellos], Signed]


def changed(consortium: Consortium, hellos: Hellos, **fields: object) -> Signed:
    """Signed again by its own party: what it said at another time, or as a cheat."""
    hello = read(Hello, hellos[LIED_ABOUT].payload)
    return sign(msgspec.structs.replace(hello, **fields), LIED_ABOUT, consortium.signing[LIED_ABOUT])


def tampered_with(consortium: Consortium, hellos: Hellos) -> Signed:
    true = hellos[LIED_ABOUT]
    return msgspec.structs.replace(true, payload=true.payload.replace(b'"decimals":[2]', b'"decimals":[3]'))


def signed_by_somebody_else(consortium: Consortium, hellos: Hellos) -> Signed:
    hello = read(Hello, hellos[LIED_ABOUT].payload)
    return sign(hello, LIED_ABOUT, consortium.signing[VICTIM])


def swapped(consortium: Consortium, hellos: Hellos) -> Signed:
    return hellos[PartyId("bank-a")]


def the_receivers_own(consortium: Consortium, hellos: Hellos) -> Signed:
    return hellos[VICTIM]


def of_another_attempt(consortium: Consortium, hellos: Hellos) -> Signed:
    return changed(consortium, hellos, attempt="99" * 16)


def of_another_computation(consortium: Consortium, hellos: Hellos) -> Signed:
    return changed(consortium, hellos, computation="99" * 16)


def of_another_request(consortium: Consortium, hellos: Hellos) -> Signed:
    return changed(consortium, hellos, request="99" * 32)


def of_other_participants(consortium: Consortium, hellos: Hellos) -> Signed:
    return changed(consortium, hellos, participants=consortium.parties[1:])


def junk(consortium: Consortium, hellos: Hellos) -> Signed:
    return Signed(kind="hello", payload=b"\xff", signer=LIED_ABOUT, signature=bytes(64))


LIES = [
    tampered_with,
    signed_by_somebody_else,
    swapped,
    the_receivers_own,
    of_another_attempt,
    of_another_computation,
    of_another_request,
    of_other_participants,
    junk,
]


def relayed(consortium: Consortium, lie: Lie | None = None) -> tuple[dict[PartyId, object], list[str]]:
    """What becomes of a sum whose coordinator lies to VICTIM about LIED_ABOUT, and the steps that were played."""

    def relay(receiver: PartyId, hellos: Hellos) -> Hellos:
        return {**hellos, LIED_ABOUT: lie(consortium, hellos)} if lie and receiver == VICTIM else hellos

    def watch(sender: PartyId, receiver: PartyId, round_: Round, message: bytes) -> bytes:
        steps.append(round_.step)
        return message

    steps: list[str] = []
    protocols = consortium.totals(question(), balances(consortium, 1, 2, 3, 4), relay=relay)
    return run_locally(protocols, watch), list(dict.fromkeys(steps))


def test_relayed_hellos_save_a_round() -> None:
    consortium = Consortium(4, 2, enough=True)
    outcome, steps = relayed(consortium)
    assert opened(consortium, outcome) == [10]  # type: ignore[arg-type]
    assert steps == ["deal", "check", "vote"]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_relay_that_lies_is_suspect_and_convicts_nobody(lie: Lie) -> None:
    consortium = Consortium(4, 2)
    outcome, _ = relayed(consortium, lie)
    error = outcome[VICTIM]
    assert isinstance(error, Cheated)
    assert "coordinator" in error.suspects
    assert not error.culprits
    assert not any(isinstance(each, ResultShare) for each in outcome.values())
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_two_hellos_of_one_party_are_found_out_before_anything_is_entered() -> None:
    """A bank and the coordinator together: another key for one of the others."""

    def another_key(consortium: Consortium, hellos: Hellos) -> Signed:
        return introduce(consortium.attempt(LIED_ABOUT), consortium.offer()).signed

    consortium = Consortium(4, 2)
    outcome, _ = relayed(consortium, another_key)
    honest = [each for party, each in outcome.items() if party != LIED_ABOUT]
    assert not any(isinstance(each, ResultShare) for each in honest), outcome
    assert all(set(each.culprits) <= {LIED_ABOUT} for each in honest if isinstance(each, Cheated))
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_another_word_on_bounds_is_found_out_in_the_check() -> None:
    consortium = Consortium(4, 2)
    outcome, _ = relayed(consortium, lambda c, hellos: changed(c, hellos, bounds=(5,)))
    errors = [each for party, each in outcome.items() if party != LIED_ABOUT]
    assert all(isinstance(each, Cheated) for each in errors), outcome
    assert not any(ledger.entered for ledger in consortium.ledgers.values())


def test_every_introduction_has_a_key_of_its_own() -> None:
    consortium = Consortium(3, 2)
    attempt = consortium.attempt(VICTIM)
    one, other = (introduce(attempt, consortium.offer()) for _ in range(2))
    assert one.hello.key != other.hello.key
    assert one.hello.nonce != other.hello.nonce
    assert "PrivateKey" not in repr(one)
