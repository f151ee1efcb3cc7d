"""What holds keys, shares or noise shows none of them when it is printed, logged or part of a traceback."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.local.layout import LocalConsortium
from clients.local.prepare import Plan, prepare
from clients.sdk.netting import Notice as BankNotice
from clients.sdk.profile import Profile
from node import config as node_config
from node import migrations
from node.audit import Audit
from node.books import Books
from node.changes import Changes
from node.computations import Recorded
from node.sealing_keys import SealingKeys
from node.sharings import Sharings
from node.shelves import NodeShelves
from steelyard.ckks.circuit import Plain
from steelyard.ckks.committee_key import KeyShare
from steelyard.ckks.decryption import OneTimeKey
from steelyard.ckks.division import Pair
from steelyard.ckks.joint_key import JointKey, Part, Reference
from steelyard.ckks.profiles import S
from steelyard.ckks.ring import Residues
from steelyard.ckks.statements import Quotients, Statements
from steelyard.documents.contribution import Bundle, ContributionHeader
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed
from steelyard.documents.stored import Stored
from steelyard.epochs.change import Slot
from steelyard.epochs.machine import Machine
from steelyard.field import Vector, from_signed
from steelyard.functions.aggregate import Aggregate, Aggregation
from steelyard.functions.answer import Answer
from steelyard.functions.answered import Carried
from steelyard.functions.computation import ResultShare
from steelyard.functions.intake import Parcel
from steelyard.functions.notices import Told
from steelyard.functions.question import Released
from steelyard.functions.record import Kept
from steelyard.functions.statements import Block, Labels
from steelyard.functions.take_up import TakenUp
from steelyard.functions.training_plan import Result
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.learning.asking import Ask
from steelyard.learning.model import Card, Model
from steelyard.learning.records import Records
from steelyard.learning.scaling import Prepared, Scaling
from steelyard.learning.scoring import quality
from steelyard.learning.strategy import Trained
from steelyard.protocols.admit import Admitted, Held
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.circulation import Progress
from steelyard.protocols.circulation import Terms as Ground
from steelyard.protocols.confirmation import Confirmed
from steelyard.protocols.deal_random import Dealt, _Hand
from steelyard.protocols.greet import Greeting
from steelyard.protocols.gridlock import Queued, Settled
from steelyard.protocols.joint_decryption import Attachment, Front, Fused
from steelyard.protocols.recover import Rebuilt
from steelyard.protocols.resume import Unkept
from steelyard.protocols.round_totals import RoundTotals
from steelyard.protocols.sealed_round import Gathered
from steelyard.protocols.secure_sum import Summed
from steelyard.protocols.set_off_round import Outcome
from steelyard.protocols.skeleton import Skeleton, Submitted
from steelyard.protocols.threshold_key import RequestKey
from steelyard.randomness import Keystream
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
from steelyard.sharing.robust import Opened
from steelyard.sharing.seeded import Dealing
from steelyard.storage.database import Database
from steelyard.vault.codecs import FERNET, codec
from steelyard.vault.frames import Header, Seal
from steelyard.vault.key_file import open_key_file
from steelyard.vault.keys import DataKey, KeyRow
from steelyard.vault.provider import Wrapped
from steelyard.vault.ring import Ring
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Vault

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


POOL = Stored(
    id="5a" * 16, name="pool", dataset="accounts", columns=("balance",), where="", vector=True, enough=True,
    minimum_rows=1, parts=(), threshold=2,
)  # fmt: skip
UNIT = Unit("share", "5a" * 16, "1-ab")
OPENING = Signed(kind="key-opening", payload=MARK, signer="bank-a", signature=MARK)

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


def residues() -> Residues:
    """Small enough to be printed in full."""
    return np.array([[FIGURE, FIGURE + 1]], dtype=np.uint64)


def numbers() -> Any:
    """Exact ones, which are printed in full, in the place of floats, too."""
    return np.array([FIGURE], dtype=object)


LABELS = Labels((("1234567890123", 2024, (0,)),), (), "22" * 32)
FRONT = Front(b"public", {}, 0, holds=True, leads=True, note=MARK)
PLAIN = Plain([[numbers()]], [numbers()], numbers())
KEY = OneTimeKey(S.result, residues())
JOINT = JointKey(S, np.zeros((1, 2), dtype=np.uint64), np.zeros((1, 2), dtype=np.uint64), ())

CARD = Card(
    name="credit", kind="linear", strategy="newton", dataset="credit", target="default", features=(), rounds=1, rows=2,
    parties=("bank-a",), quality={},
)  # fmt: skip


def floats() -> np.ndarray:
    return np.full(2, float(FIGURE))


@pytest.mark.parametrize(
    "thing",
    [
        KEY,
        KeyShare(0, 0, residues()),
        Part(Reference(S, b"public"), residues(), residues(), Keystream(MARK)),
        RequestKey(JOINT, KEY, KEY, KeyShare(0, 0, residues()), (A,)),
        Statements({"cash": numbers()}),
        Quotients(numbers(), np.zeros(1, dtype=np.int8)),
        Pair(numbers(), numbers()),
        PLAIN,
        LABELS,
        Block(PLAIN, LABELS),
        Answer({"note": 1}, {A: vector()}, {"ratios": FIGURE}),
        Carried(MARK, {"firm-x": MARK}),
        FRONT,
        Attachment(FRONT, (residues(),), (residues(),), (residues(),)),
        Fused((numbers(),), ()),
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
        Records((), floats(), floats(), np.zeros(2, dtype=bool)),
        Prepared(Scaling(np.zeros(1), np.ones(1), np.ones(1), 2.0), floats(), floats(), floats(), floats()),
        Ask("gradient 1", floats(), 1.0),
        Summed((A, B), Opened(vector(), True, ())),
        Unkept({1: MARK}),
        Trained("linear", {"weights": floats()}, 1, (), {"weights": floats()}),
        Model(CARD, {"weights": floats()}),
        Result(Model(CARD, {"weights": floats()}), quality(np.ones(4), 1.0), Model(CARD, {"weights": floats()}), 0, 0),
        SealedResult(party="bank-a", note=SIGNED, certificate=(), ciphertext=MARK),
        Kept(POOL, "ab" * 32, vector()),
        Dealt({"zero": vector()}, "ab" * 32, "cd" * 32),
        _Hand(opening=OPENING, messages={B: MARK}, held={"zero": {B: vector()}}),
        Rebuilt(vector(), "ab" * 32, ()),
        Seal(codec(FERNET, MARK), bytes(8), Header("bank-a", "share/pool/1", "share")),
        DataKey("ab" * 16, "bank-a", UNIT, bytes(8), codec(FERNET, MARK), MARK),
        Ring((MARK,), lambda secrets: None, "vault.key"),
        Wrapped("ab" * 8, MARK),
        KeyRow("ab" * 16, UNIT, FERNET, Wrapped("ab" * 8, MARK), bytes(8)),
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
        State(MANY, MANY, MANY, MANY),
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
        Progress(1, vector(), vector(), vector(), vector()),
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


def test_what_keeps_shares_prints_neither_them_nor_their_keys(tmp_path: Path) -> None:
    signing, sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    database = Database(tmp_path / "node.db", migrations.FOLDER)
    ring = open_key_file(tmp_path / "vault.key", make=True)
    vault = Vault("bank-a", database, tmp_path / "vault", ring, tmp_path / "vault.mark")
    audit, sharings = Audit(database), Sharings(database, vault)
    slot = Slot("5a" * 16, 1, "ab" * 16)
    machine = Machine("bank-a", signing, {}, {}, sharings)
    changes = Changes("bank-a", machine, sharings, {}, audit, lambda: 0)
    sharings.put(slot, vector(), "cd" * 32)
    keys = SealingKeys("bank-a", "22" * 32, signing, sealing, vault, database, audit, lambda: 0)
    shelves = NodeShelves(changes, {}, 0)
    key = vault._open(vault.units("share")[0])
    try:
        for thing in (ring, vault, sharings, machine, changes, keys, shelves, key, key.seal("share")):
            assert_hides(thing, *ring.secrets, key.key, raw(signing), sealing.private_bytes_raw())
    finally:
        database.close()


def test_a_question_is_public_and_prints_in_full() -> None:
    assert "balance" in repr(Aggregation("sum", Aggregate(dataset="accounts", column="balance")))
