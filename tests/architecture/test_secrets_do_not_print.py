"""What holds keys, shares or noise shows none of them when it is printed, logged or part of a traceback."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.local.layout import LocalConsortium
from clients.local.prepare import Plan, prepare
from clients.sdk.netting import Notice as BankNotice
from clients.sdk.profile import Profile
from node import config as node_config
from node.books import Books
from node.computations import Recorded
from steelyard.documents.contribution import Bundle, ContributionHeader
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed
from steelyard.field import Vector, from_signed
from steelyard.functions.aggregate import Aggregate, Aggregation
from steelyard.functions.computation import ResultShare
from steelyard.functions.intake import Parcel
from steelyard.functions.notices import Told
from steelyard.functions.question import Released
from steelyard.functions.take_up import TakenUp
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.admit import Admitted, Held
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circulation import Progress
from steelyard.protocols.circulation import Terms as Ground
from steelyard.protocols.confirmation import Confirmed
from steelyard.protocols.greet import Greeting
from steelyard.protocols.gridlock import Queued, Settled
from steelyard.protocols.round_totals import RoundTotals
from steelyard.protocols.sealed_round import Gathered
from steelyard.protocols.set_off_round import Outcome
from steelyard.protocols.skeleton import Skeleton, Submitted
from steelyard.secret import Secret
from steelyard.setoff.book import Book
from steelyard.setoff.layout import Layout
from steelyard.setoff.liquidity import Liquidity
from steelyard.setoff.network import Network, Topology
from steelyard.setoff.notice import Line, Notice
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.queue import Payment, Queue
from steelyard.setoff.queues import Queues
from steelyard.setoff.solver import Solution, State
from steelyard.setoff.statement import Offers, Statement
from steelyard.setoff.terms import Terms
from steelyard.sharing.attempt_keys import AttemptKeys
from steelyard.sharing.seeded import Dealing

A, B = PartyId("bank-a"), PartyId("bank-b")
MARK = bytes(range(160, 192))  # stands for a key
FIGURE = 1_234_567_890_123
SIGNED = Signed(kind="request", payload=b"public", signer="analyst", signature=bytes(64))


def vector() -> Vector:
    return from_signed(np.array([FIGURE, FIGURE + 1], dtype=np.int64))


def raw(key: Ed25519PrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, plain)


def shown(secret: bytes) -> Iterable[str]:
    """The ways in which bytes get into a text."""
    return (secret.hex(), repr(secret)[2:-1], base64.b64encode(secret).decode().rstrip("="), str(list(secret))[1:-1])


def assert_hides(thing: object, *secrets: bytes) -> None:
    for text in (repr(thing), str(thing), f"{thing}", f"{[thing]}"):
        assert str(FIGURE) not in text
        assert not [form for secret in secrets for form in shown(secret) if form in text]


HEADER = ContributionHeader(
    id="ab" * 16,
    manifest="22" * 32,
    contributor="firm-x",
    dataset="dues",
    purpose="record",
    columns=(),
    rows=16,
    layers=(),
    length=16,
    threshold=2,
    commitments={},
    sealed={},
    keys={},
    created_ms=0,
    expires_ms=1,
)


def attempt(signing: Ed25519PrivateKey) -> Attempt:
    return Attempt(
        computation=ComputationId("ab" * 16),
        attempt=AttemptId("cd" * 16),
        request="11" * 32,
        manifest="22" * 32,
        me=A,
        participants=(A, B),
        points={A: 1, B: 2},
        threshold=2,
        liars=1,
        quorum=2,
        minimum_group=2,
        signing=signing,
        keys={A: signing.public_key()},
    )


@pytest.mark.parametrize(
    "thing",
    [
        Secret(MARK),
        Secret({"sum": vector()}),
        Dealing(own=vector(), explicit={B: vector()}),
        ResultShare(share=vector(), suppressed=(), decimals=(2,), input_set=b"public", certificate=()),
        Recorded("ab" * 16, SIGNED, "approved", None, 0, MARK),
        Held(bytes(32), vector()),
        Admitted({B: vector()}, (), 0, "public"),
        Parcel(HEADER, bytes(32), vector()),
        TakenUp({B: Parcel(HEADER, bytes(32), vector())}, 0, (), "public"),
        Bundle(SIGNED, SIGNED, {"bank-a": MARK}),
        SealedResult(party="bank-a", note=SIGNED, certificate=(), ciphertext=MARK),
    ],
    ids=lambda each: type(each).__name__,
)
def test_it_prints_no_key_and_no_figure(thing: object) -> None:
    assert_hides(thing, MARK)


MANY = np.array([FIGURE, FIGURE + 1], dtype=np.int64)
INVOICE = Obligation("1", "F-secret", "G-secret", FIGURE)
PAYMENT = Payment("1", "G-secret", FIGURE)
RING = Topology.complete(2)
DEBTS = Network.of(2, RING.payers, RING.payees, np.array([7_777_777, 7_777_778]))


@pytest.mark.parametrize(
    "thing",
    [
        INVOICE,
        Line(INVOICE, FIGURE),
        Notice("F", "club", (Line(INVOICE, FIGURE),), FIGURE, ("G-secret",)),
        Offers(FIGURE, FIGURE, {"G-secret": FIGURE}, {"G-secret": FIGURE}, FIGURE),
        Statement(Terms(round="club", firms=("a", "b")), "F", (INVOICE,), Offers(tender=FIGURE)),
        Book(("a",), (INVOICE,)),
        Liquidity({0: FIGURE}, {1: FIGURE}, {(0, 1): FIGURE}),
        DEBTS,
        RING,
        Layout.of(RING),
        State(MANY, MANY, MANY),
        Solution(MANY, FIGURE, 3),
        PAYMENT,
        Queue("F", (PAYMENT,), FIGURE, FIGURE),
        Queues(*np.zeros((2, 1, 1), dtype=np.int64), funds=np.array([7_777_777])),
        Queued(vector(), vector(), vector()),
        Settled(1, vector(), vector(), vector(), vector()),
        Confirmed(vector(), vector()),
        Gathered(Layout.of(RING), vector(), vector(), (vector(),)),
        Submitted(np.zeros(2, dtype=np.int64), vector(), vector()),
        Skeleton(RING, vector(), MANY, vector(), vector(), vector(), vector(), vector()),
        Ground(4, vector(), vector(), vector()),
        Progress(1, vector(), vector(), vector()),
        RoundTotals(vector(), vector(), vector(), vector()),
        Outcome({1: vector()}, 4, vector(), vector(), 9_999),
        Told("club", "ab" * 16, "lines", MANY, (A,), True),
        BankNotice("F", "ab" * 16, 2, Queue("F", (PAYMENT,), FIGURE, FIGURE), FIGURE, (True,), True, (A,)),
        Released(vector(), (), MARK),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_round_and_a_netting_print_no_amount_and_no_counterparty(thing: object) -> None:
    assert_hides(thing, MARK)
    assert not [word for word in ("G-secret", "7777777", "7_777_777") if word in repr(thing)]


def test_the_test_would_see_them() -> None:
    for careless in (MARK, MARK.hex(), list(MARK), vector(), {"share": vector()}):
        with pytest.raises(AssertionError):
            assert_hides(careless, MARK)


def test_an_attempt_prints_no_signing_key() -> None:
    signing = Ed25519PrivateKey.generate()
    assert_hides(attempt(signing), raw(signing))


def test_the_keys_of_an_attempt_print_nothing_of_themselves() -> None:
    mine, peer = (AttemptKeys(each, bytes(32), ComputationId("ab" * 16), AttemptId("cd" * 16)) for each in (A, B))
    mine.agree(B, peer.public, peer.nonce)
    stream = mine.stream_key("inputs", A, B)
    greeting = Greeting(hellos={}, digests={}, keys=mine, contributions=(), least_group=3)
    for thing in (mine, greeting):
        assert_hides(thing, stream, mine.nonce)


def test_a_node_and_a_profile_print_no_key(tmp_path: Path) -> None:
    consortium = LocalConsortium.at(tmp_path / "d")
    addresses = {party: f"127.0.0.1:{17_000 + number}" for number, party in enumerate((A, B))}
    prepare(consortium, Plan((A, B), 2, "127.0.0.1:16999", addresses, 2))
    books = Books.open(node_config.load(tmp_path / "d" / "nodes" / A / "node.toml"))
    keys = [file.read_bytes().strip() for file in (tmp_path / "d").rglob("*.key")]
    assert len(keys) > 8
    try:
        assert_hides(books, raw(books.signing), *keys)
        assert_hides(Profile.open(tmp_path / "d"), raw(books.signing), *keys)
    finally:
        books.database.close()


def test_a_question_is_public_and_prints_in_full() -> None:
    assert "balance" in repr(Aggregation("sum", Aggregate(dataset="accounts", column="balance")))
