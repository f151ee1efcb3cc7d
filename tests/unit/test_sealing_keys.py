"""Sealing keys of nodes: made at every refresh, destroyed when nothing needs them, and never played back unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.test_inbox import ME, Nodes

from clients.sdk.known_keys import learn
from node.inbox import Inbox
from steelyard.documents.contribution import context
from steelyard.documents.contributor import Contributor
from steelyard.documents.sealing_key import SealingKey
from steelyard.documents.signed import Signed, read, sign
from steelyard.errors import Cheated, KeyReplaced, Malformed, SteelyardError, Unauthenticated
from steelyard.identity.certificates import Role
from steelyard.identity.sealing import unseal
from steelyard.sharing.combination import BEHIND
from tests.firms import Firms
from tests.service.fakes import PARTIES, make_consortium


@pytest.fixture(scope="module")
def firms(tmp_path_factory: pytest.TempPathFactory) -> Firms:
    root = tmp_path_factory.mktemp("consortium")
    return Firms(root, make_consortium(root), folder=root)


@pytest.fixture
def nodes(tmp_path: Path, firms: Firms) -> Iterator[Nodes]:
    for stale in firms.layout.root.glob("sealing-keys.json"):
        stale.unlink()
    made = Nodes(tmp_path, firms)
    yield made
    for each in made.databases.values():
        each.close()


def published(nodes: Nodes, party: str = ME) -> Signed:
    newest = nodes.keys[party].newest
    assert newest is not None
    return newest


def tell(nodes: Nodes, *relayed: tuple[str, Signed]) -> None:
    """What the firms' profile hears from the coordinator."""
    learn(nodes.firms.layout.root, nodes.membership, relayed or [(party, published(nodes, party)) for party in PARTIES])


def stolen(nodes: Nodes) -> list[int]:
    """Numbers of the private keys that somebody finds who takes this node's disk and vault key now."""
    return [int(unit.version) for unit in nodes.keys[ME]._vault.units("node") if unit.name == "sealing"]


def test_a_firm_seals_to_the_newest_key_it_was_told_of_and_else_to_the_manifests(nodes: Nodes) -> None:
    first = nodes.firms.bundle()
    assert set(nodes.firms.header(first).keys.values()) == {0}
    tell(nodes)
    second = nodes.firms.bundle("firm-y")
    assert nodes.firms.header(second).keys == dict.fromkeys(PARTIES, 1)
    assert [nodes.deliver(each) for each in (first, second)] == [None, None]
    assert nodes.inboxes[ME].take(nodes.firms.header(second).id).size == 3 + BEHIND


def test_a_stolen_current_key_opens_nothing_that_was_sealed_before_the_last_refresh(nodes: Nodes) -> None:
    tell(nodes)
    bundle = nodes.firms.bundle()
    header = nodes.firms.header(bundle)
    assert nodes.deliver(bundle) is None
    nodes.inboxes[ME].drop([header.id])  # taken up
    assert nodes.inboxes[ME].rotate() == 2
    assert stolen(nodes) == [2]
    registration = read(Contributor, bundle.registration.payload)
    bound = context(header.manifest, header.id, "firm-x", registration.signing, ME)
    with pytest.raises(Malformed):
        unseal(nodes.keys[ME].private(2), bundle.parts[ME], bound)
    with pytest.raises(KeyReplaced):
        nodes.keys[ME].private(1)


def test_an_earlier_key_stays_as_long_as_something_sealed_to_it_waits_and_no_longer(nodes: Nodes) -> None:
    tell(nodes)
    bundle = nodes.firms.bundle()
    assert nodes.deliver(bundle) is None
    share = nodes.inboxes[ME].take(nodes.firms.header(bundle).id)
    nodes.inboxes[ME].rotate()
    assert nodes.inboxes[ME].rotate() == 3
    assert stolen(nodes) == [1, 3]
    nodes.inboxes[ME] = nodes.open(ME)
    assert (nodes.inboxes[ME].take(nodes.firms.header(bundle).id) == share).all()
    nodes.inboxes[ME].drop([nodes.firms.header(bundle).id])
    assert stolen(nodes) == [3]


def test_what_was_on_its_way_to_a_key_that_is_gone_is_refused_and_to_be_sealed_again(nodes: Nodes) -> None:
    tell(nodes)
    late = nodes.firms.bundle()
    nodes.inboxes[ME].rotate()
    failure = nodes.deliver(late)
    assert isinstance(failure, KeyReplaced)
    assert failure.party == ME
    tell(nodes)
    assert nodes.deliver(nodes.firms.bundle()) is None


def test_an_older_key_is_refused_by_number_where_a_newer_one_is_known(nodes: Nodes) -> None:
    older = published(nodes)
    tell(nodes)
    nodes.inboxes[ME].rotate()
    tell(nodes)
    with pytest.raises(Cheated, match=f"key 1 of {ME}") as caught:
        tell(nodes, (ME, older))
    assert set(caught.value.suspects) == {ME, "coordinator"}
    assert nodes.firms.header(nodes.firms.bundle()).keys[ME] == 2


def test_two_nodes_keys_cannot_be_swapped(nodes: Nodes) -> None:
    one, other = PARTIES[:2]
    with pytest.raises(Unauthenticated):
        tell(nodes, (one, published(nodes, other)), (other, published(nodes, one)))
    renamed = published(nodes, other)
    forged = Signed(kind=renamed.kind, payload=renamed.payload, signer=one, signature=renamed.signature)
    with pytest.raises(Unauthenticated):
        tell(nodes, (one, forged))


def test_a_key_of_another_consortium_or_of_nobody_is_refused(nodes: Nodes, tmp_path: Path) -> None:
    elsewhere = make_consortium(tmp_path / "other")
    with pytest.raises(Unauthenticated):
        learn(tmp_path, elsewhere, [(ME, published(nodes))])
    with pytest.raises(Unauthenticated):
        tell(nodes, ("stranger", published(nodes)))


def test_the_same_number_with_another_key_is_refused(nodes: Nodes) -> None:
    tell(nodes)
    said = read(SealingKey, published(nodes).payload)
    twice = SealingKey(consortium=said.consortium, party=ME, key="11" * 32, number=1, created_ms=said.created_ms)
    key = nodes.firms.layout.home(Role.NODE, ME).signing_key()
    with pytest.raises(Cheated):
        tell(nodes, (ME, sign(twice, ME, key)))


def test_a_profile_that_is_damaged_knows_nothing_and_breaks_nothing(nodes: Nodes) -> None:
    (nodes.firms.layout.root / "sealing-keys.json").write_text("{")
    assert set(nodes.firms.header(nodes.firms.bundle()).keys.values()) == {0}


def test_a_key_that_was_made_survives_a_restart(nodes: Nodes) -> None:
    before = published(nodes)
    nodes.inboxes[ME] = nodes.open(ME)
    assert published(nodes) == before
    assert isinstance(nodes.inboxes[ME], Inbox)


def test_a_record_whose_layers_do_not_fit_is_refused_when_it_comes(nodes: Nodes) -> None:
    bundle = nodes.firms.bundle()
    failure = nodes.deliver(nodes.firms.bent(bundle, purpose="record"))
    assert isinstance(failure, SteelyardError)
    assert "firm-x" in failure.message


def test_a_firm_cannot_have_the_name_of_a_party(nodes: Nodes) -> None:
    with pytest.raises(Unauthenticated, match="name of its own"):
        nodes.firms.bundle(ME)
