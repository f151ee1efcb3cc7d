"""A node's inbox: what it takes from firms without a node, what it refuses, and what it gives out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import node.inbox
from node.audit import Audit
from node.inbox import Inbox
from node.policy import PolicyFile
from node.sealing_keys import SealingKeys
from steelyard.documents.contribution import Bundle, Layer, commitment, context, seal_digest
from steelyard.documents.contributor import Contributor
from steelyard.documents.signed import Signed, read
from steelyard.errors import Conflict, Failed, Invalid, Malformed, NotFound, Overloaded, PolicyRefused, Unauthenticated
from steelyard.field import P, add, to_bytes, to_signed
from steelyard.identity.certificates import Role
from steelyard.identity.sealing import seal
from steelyard.ids import PartyId
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND
from steelyard.storage.database import Database
from steelyard.vault.key_file import open_key_file
from steelyard.vault.vault import Vault
from tests.firms import DAY_MS, Firms, now_ms, only
from tests.service.fakes import PARTIES, make_consortium

ME = PARTIES[0]
POLICY = 'functions = ["sum"]\nrequesters = ["analyst"]\nsponsors = ["analyst"]\n'


class Nodes:
    """The inboxes of all nodes, on disk; time is ours."""

    def __init__(self, root: Path, firms: Firms) -> None:
        self.root, self.membership, self.firms = root, firms.membership, firms
        self.later_ms = 0
        self.policies = {party: root / f"{party}.toml" for party in PARTIES}
        for path in self.policies.values():
            path.write_text(POLICY)
        self.databases: dict[str, Database] = {}
        self.keys: dict[str, SealingKeys] = {}
        self.inboxes = {party: self.open(party) for party in PARTIES}

    def open(self, party: str) -> Inbox:
        if party in self.databases:
            self.databases[party].close()
        database = Database(self.root / f"{party}.db", Path(node.inbox.__file__).parent / "migrations")
        self.databases[party] = database
        self.keys[party] = self._keys(party, database)
        return Inbox(
            PartyId(party),
            self.membership,
            PolicyFile(self.policies[party]),
            Audit(database),
            self.keys[party],
            database,
            self.root / f"{party}.inbox",
            lambda: now_ms() + self.later_ms,
        )

    def _keys(self, party: str, database: Database) -> SealingKeys:
        file, home = self.root / f"{party}.key", self.firms.layout.home(Role.NODE, party)
        provider = open_key_file(file, make=not file.exists())
        vault = Vault(party, database, self.root / f"{party}.vault", provider, self.root / f"{party}.mark")
        audit, consortium = Audit(database), self.membership.consortium
        return SealingKeys(
            party, consortium, home.signing_key(), home.sealing_key(), vault, database, audit, lambda: now_ms()
        )

    def deliver(self, bundle: Bundle, party: str = ME) -> Any:
        """Why this node does not take it; None when it does."""
        ((_, failure),) = self.inboxes[party].deliver([only(bundle, party)])
        return failure


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Firms:
    root = tmp_path_factory.mktemp("consortium")
    return Firms(root, make_consortium(root))


@pytest.fixture
def nodes(tmp_path: Path, firms: Firms) -> Iterator[Nodes]:
    made = Nodes(tmp_path, firms)
    yield made
    for each in made.databases.values():
        each.close()


def test_any_threshold_of_nodes_open_what_the_firm_sealed_and_fewer_do_not(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle("firm-x", 12, -34, 2**58)
    assert [nodes.deliver(bundle, party) for party in PARTIES] == [None] * 3
    (known,) = nodes.inboxes[ME].list("dues")
    assert (known.contributor.id, known.header.dataset, known.digest) == ("firm-x", "dues", bundle.header.digest)
    shares = {nodes.membership.points[party]: nodes.inboxes[party].take(known.header.id) for party in PARTIES}
    for left_out in shares:
        opened = shamir.reconstruct({x: share for x, share in shares.items() if x != left_out}, 2)
        assert to_signed(opened)[:3].tolist() == [12, -34, 2**58]
    assert all(to_signed(share)[:3].tolist() != [12, -34, 2**58] for share in shares.values())


def test_it_is_kept_over_a_restart_and_only_as_ciphertext(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    assert nodes.deliver(bundle) is None
    share = nodes.inboxes[ME].take(nodes.firms.header(bundle).id)
    nodes.inboxes[ME] = nodes.open(ME)
    assert np.array_equal(nodes.inboxes[ME].take(nodes.firms.header(bundle).id), share)
    stored = b"".join(path.read_bytes() for path in nodes.root.glob(f"{ME}.*") if path.is_file())
    assert bundle.parts[ME] in stored
    assert to_bytes(share)[:16] not in stored


def test_a_large_one_lies_in_a_file_that_goes_with_it(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle("firm-x", *range(140_000))
    assert nodes.deliver(bundle) is None
    (stray := nodes.root / f"{ME}.inbox" / "stray.parcel").write_bytes(b"left by a crash")
    nodes.inboxes[ME] = nodes.open(ME)
    assert not stray.exists()
    (file,) = (nodes.root / f"{ME}.inbox").iterdir()
    assert file.read_bytes() == bundle.parts[ME]
    assert nodes.inboxes[ME].take(nodes.firms.header(bundle).id).size == 140_000 + BEHIND
    assert nodes.deliver(nodes.firms.bundle("firm-x", 1)) is None
    assert list((nodes.root / f"{ME}.inbox").iterdir()) == []


def test_delivering_it_again_changes_nothing(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    assert [nodes.deliver(bundle), nodes.deliver(bundle)] == [None, None]
    assert len(nodes.inboxes[ME].list("dues")) == 1
    assert [each.event for each in Audit(nodes.databases[ME]).read()] == ["sealing_key", "contributed"]


def test_a_newer_one_replaces_the_older_and_never_the_other_way_round(nodes: Nodes) -> None:
    older = nodes.firms.bundle()
    newer = nodes.firms.bent(nodes.firms.bundle("firm-x", 7), created_ms=nodes.firms.header(older).created_ms + 1000)
    assert [nodes.deliver(older), nodes.deliver(newer)] == [None, None]
    assert [each.digest for each in nodes.inboxes[ME].list("dues")] == [newer.header.digest]
    with pytest.raises(NotFound):
        nodes.inboxes[ME].take(nodes.firms.header(older).id)
    assert isinstance(nodes.deliver(older), Conflict)
    nodes.inboxes[ME].drop([nodes.firms.header(newer).id])
    assert isinstance(nodes.deliver(older), Conflict)  # what was replaced stays so
    assert nodes.deliver(nodes.firms.bundle(dataset="loans")) is None


def test_an_expired_one_is_refused_forgotten_and_never_comes_back(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    assert nodes.deliver(bundle) is None
    nodes.later_ms = 31 * DAY_MS
    assert nodes.inboxes[ME].list("dues") == ()
    assert isinstance(nodes.deliver(nodes.firms.bundle("firm-y")), Invalid)
    with pytest.raises(NotFound):
        nodes.inboxes[ME].take(nodes.firms.header(bundle).id)


def test_the_policy_decides_which_sponsors_count_when_it_comes_and_when_it_is_used(nodes: Nodes) -> None:
    nodes.policies[ME].write_text(POLICY.replace('sponsors = ["analyst"]\n', ""))
    assert isinstance(nodes.deliver(nodes.firms.bundle()), PolicyRefused)
    nodes.policies[ME].write_text(POLICY)
    assert nodes.deliver(nodes.firms.bundle()) is None
    nodes.policies[ME].write_text(POLICY.replace('"analyst"]\nsponsors', '"analyst"]\n#'))
    assert nodes.inboxes[ME].list("dues") == ()
    nodes.policies[ME].write_text("functions = 7")
    assert isinstance(nodes.deliver(nodes.firms.bundle("firm-y")), PolicyRefused)


def test_only_a_requester_of_the_manifest_can_vouch_and_only_as_itself(nodes: Nodes, tmp_path: Path) -> None:
    bundle = nodes.firms.bundle()
    stranger = Firms(tmp_path / "other", make_consortium(tmp_path / "other"))
    forged = stranger.registration(nodes.firms.firm())
    assert isinstance(nodes.deliver(Bundle(forged, bundle.header, bundle.parts)), Unauthenticated)
    renamed = Signed(kind=forged.kind, payload=forged.payload, signer=ME, signature=forged.signature)
    assert isinstance(nodes.deliver(Bundle(renamed, bundle.header, bundle.parts)), Unauthenticated)
    elsewhere = nodes.firms.registration(nodes.firms.firm(), consortium="elsewhere")
    assert isinstance(nodes.deliver(Bundle(elsewhere, bundle.header, bundle.parts)), Unauthenticated)
    swapped = nodes.firms.firm("firm-y").registration
    assert swapped is not None
    assert isinstance(nodes.deliver(Bundle(swapped, bundle.header, bundle.parts)), Unauthenticated)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"created_ms": now_ms() - 2 * DAY_MS, "expires_ms": now_ms() - DAY_MS}, Invalid),
        ({"created_ms": now_ms() + DAY_MS, "expires_ms": now_ms() + 2 * DAY_MS}, Invalid),
        ({"expires_ms": now_ms() + 900 * DAY_MS}, Invalid),
    ],
    ids=["expired", "from the future", "for too long"],
)
def test_a_registration_with_bad_dates_is_refused(nodes: Nodes, changes: dict[str, int], error: type) -> None:
    bundle = nodes.firms.bundle()
    bad = nodes.firms.registration(nodes.firms.firm(), **changes)
    assert isinstance(nodes.deliver(Bundle(bad, bundle.header, bundle.parts)), error)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"manifest": "00" * 32}, Conflict),
        ({"contributor": "firm-y"}, Unauthenticated),
        ({"threshold": 3}, Invalid),
        ({"commitments": {}}, Invalid),
        ({"sealed": {}}, Invalid),
        ({"layers": (Layer("amounts", 19),)}, Invalid),
        ({"layers": (Layer("amounts", 2),)}, Malformed),  # one more mask than there is
        ({"length": 5, "layers": (Layer("amounts", 2),)}, Malformed),
        ({"expires_ms": now_ms() - 1}, Invalid),
        ({"created_ms": now_ms() + DAY_MS, "expires_ms": now_ms() + 2 * DAY_MS}, Invalid),
        ({"id": "ab" * 16}, Malformed),  # replayed under another id: what is sealed does not open
        ({"purpose": "Not A Word"}, Malformed),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_a_header_that_does_not_fit_is_refused(nodes: Nodes, changes: dict[str, Any], error: type) -> None:
    assert isinstance(nodes.deliver(nodes.firms.bent(nodes.firms.bundle(), **changes)), error)
    assert nodes.inboxes[ME].list("dues") == ()


def test_a_changed_bit_anywhere_is_refused(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    for at in (0, 31, 32, 40, len(bundle.parts[ME]) - 1):
        flipped = bytearray(bundle.parts[ME])
        flipped[at] ^= 1
        bad = {**bundle.parts, ME: bytes(flipped)}
        assert isinstance(nodes.deliver(Bundle(bundle.registration, bundle.header, bad)), Malformed)
        named = {**nodes.firms.header(bundle).sealed, ME: seal_digest(bytes(flipped))}
        assert isinstance(nodes.deliver(nodes.firms.bent(bundle, bad, sealed=named)), Malformed)
    payload = bytearray(bundle.header.payload)
    payload[-3] ^= 1
    header = Signed(kind="contribution", payload=bytes(payload), signer="firm-x", signature=bundle.header.signature)
    assert isinstance(nodes.deliver(Bundle(bundle.registration, header, bundle.parts)), Unauthenticated)
    assert nodes.deliver(bundle) is None


def test_the_shares_of_two_nodes_cannot_be_swapped(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    header = nodes.firms.header(bundle)
    a, b = PARTIES[:2]
    parts = {**bundle.parts, a: bundle.parts[b], b: bundle.parts[a]}
    swapped = {**header.sealed, a: header.sealed[b], b: header.sealed[a]}
    assert isinstance(nodes.deliver(Bundle(bundle.registration, bundle.header, parts)), Malformed)
    assert isinstance(nodes.deliver(nodes.firms.bent(bundle, parts, sealed=swapped)), Malformed)


def test_nobody_contributes_the_ciphertext_of_another_as_its_own(nodes: Nodes) -> None:
    """A firm in league with the coordinator sees another's bundle, and would like to deal the same unseen values."""
    victim, thief = nodes.firms.bundle("firm-x"), nodes.firms.bundle("firm-y")
    header = nodes.firms.header(victim)
    stolen = nodes.firms.bent(thief, victim.parts, id=header.id, commitments=header.commitments, sealed=header.sealed)
    assert isinstance(nodes.deliver(stolen), Malformed)


def resealed(nodes: Nodes, bundle: Bundle, share: bytes, *, commit: bool) -> Bundle:
    """The same with another share for ME, properly sealed, and with `commit` also committed to."""
    header, contributor = nodes.firms.header(bundle), read(Contributor, bundle.registration.payload)
    bound = context(header.manifest, header.id, contributor.id, contributor.signing, ME)
    ciphertext = seal(nodes.membership.node_sealing_key(ME), share, bound)
    changes: dict[str, Any] = {"sealed": {**header.sealed, ME: seal_digest(ciphertext)}}
    if commit:
        changes["commitments"] = {**header.commitments, ME: commitment(header.id, ME, share)}
    return nodes.firms.bent(bundle, {**bundle.parts, ME: ciphertext}, **changes)


def test_a_share_that_was_not_committed_to_is_refused(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    assert isinstance(nodes.deliver(resealed(nodes, bundle, bytes(6 * 8), commit=False)), Malformed)


@pytest.mark.parametrize("share", [P.to_bytes(8, "little") * 6, b"\xff" * 48], ids=["P", "all bits"])
def test_elements_outside_the_field_are_refused(nodes: Nodes, share: bytes) -> None:
    assert isinstance(nodes.deliver(resealed(nodes, nodes.firms.bundle(), share, commit=True)), Malformed)


@pytest.mark.parametrize("size", [0, 40, 56])
def test_a_share_of_another_length_is_refused(nodes: Nodes, size: int) -> None:
    assert isinstance(nodes.deliver(resealed(nodes, nodes.firms.bundle(), bytes(size), commit=True)), Malformed)


def test_a_name_has_one_sponsor_at_a_time(nodes: Nodes) -> None:
    assert nodes.deliver(nodes.firms.bundle()) is None
    nodes.databases[ME].execute("UPDATE contributor SET sponsor = 'auditor'")
    again = nodes.firms.bent(nodes.firms.bundle(), created_ms=now_ms() + 1000)
    assert isinstance(nodes.deliver(again), Conflict)
    nodes.databases[ME].execute("UPDATE contributor SET expires_ms = 1")
    assert nodes.deliver(again) is None


def test_an_older_key_does_not_come_back(nodes: Nodes) -> None:
    """A firm whose key was stolen gets a new one: the thief contributes nothing any more."""
    assert nodes.deliver(nodes.firms.bundle()) is None
    nodes.databases[ME].execute("UPDATE contributor SET signing = '00', registered_ms = registered_ms + 10000")
    stolen = nodes.firms.bent(nodes.firms.bundle(), created_ms=now_ms() + 1000)
    assert isinstance(nodes.deliver(stolen), Conflict)


def test_an_inbox_that_is_full_or_a_disk_that_is_says_so_and_keeps_nothing(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = nodes.firms.bundle(), nodes.firms.bundle("firm-y")
    assert nodes.deliver(first) is None
    with monkeypatch.context() as patch:
        patch.setattr(node.inbox, "MOST", 1)
        with pytest.raises(Overloaded):
            nodes.deliver(second)
    database = nodes.databases[ME]
    (pages,) = database.query("PRAGMA page_count")[0]
    database.query(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Failed, match="disk is full"):
        nodes.inboxes[ME].deliver([only(nodes.firms.bundle(f"firm-{n}"), ME) for n in range(30)])
    assert [each.contributor.id for each in nodes.inboxes[ME].list("dues")] == ["firm-x"]
    database.query("PRAGMA max_page_count = 1000000")
    assert nodes.deliver(second) is None


def test_a_share_that_was_damaged_on_the_disk_is_noticed(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    assert nodes.deliver(bundle) is None
    with sqlite3.connect(nodes.root / f"{ME}.db") as raw:
        raw.execute("UPDATE contribution SET ciphertext = zeroblob(length(ciphertext))")
    with pytest.raises(Failed, match="damaged"):
        nodes.inboxes[ME].take(nodes.firms.header(bundle).id)


def test_sums_of_shares_are_shares_of_sums(nodes: Nodes) -> None:
    bundles = [nodes.firms.bundle("firm-x", 5, 6), nodes.firms.bundle("firm-y", 50, 60)]
    sums = {}
    for party in PARTIES[:2]:
        assert [nodes.deliver(each, party) for each in bundles] == [None, None]
        held = [nodes.inboxes[party].take(each.header.id) for each in nodes.inboxes[party].list("dues")]
        sums[nodes.membership.points[party]] = add(*held)
    assert to_signed(shamir.reconstruct(sums, 2))[:2].tolist() == [55, 66]


def test_what_a_round_has_cleared_for_good_is_forgotten_and_final_once(nodes: Nodes) -> None:
    inbox, cleared = nodes.inboxes[ME], {}
    for firm in ("firm-x", "firm-y"):
        assert nodes.deliver(nodes.firms.bundle(firm)) is None
    for each in inbox.list("dues"):
        cleared[PartyId(each.contributor.id)] = each.header.id
    inbox.settle("5e" * 16, "dues", cleared, despite=False)
    assert inbox.list("dues") == ()
    inbox.settle("5e" * 16, "dues", cleared, despite=False)
    with pytest.raises(Conflict, match="5e5e5e5e is final already"):
        inbox.settle("6f" * 16, "dues", cleared, despite=True)


def test_a_correction_keeps_a_round_from_being_final_unless_despite_it(nodes: Nodes) -> None:
    inbox = nodes.inboxes[ME]
    assert [nodes.deliver(nodes.firms.bundle(firm)) for firm in ("firm-x", "firm-late")] == [None, None]
    (cleared,) = [each.header.id for each in inbox.list("dues") if each.contributor.id == "firm-x"]
    assert nodes.deliver(nodes.firms.bundle("firm-x", 7)) is None
    with pytest.raises(Conflict, match="1 contributions to dues have come since"):
        inbox.settle("5e" * 16, "dues", {PartyId("firm-x"): cleared}, despite=False)
    assert len(inbox.list("dues")) == 2
    inbox.settle("5e" * 16, "dues", {PartyId("firm-x"): cleared}, despite=True)
    assert [each.contributor.id for each in inbox.list("dues")] == ["firm-late"]  # it was not cleared
