"""The manifest: its rules, who a certificate is, and a whole consortium made for local use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steelyard.digest import digest
from steelyard.documents.manifest import Manifest
from steelyard.errors import Conflict, Invalid, NotFound, SteelyardError, Unauthenticated
from steelyard.identity import keys
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Identity, Role, pem
from steelyard.identity.chain import ManifestChain
from steelyard.identity.homes import Layout
from steelyard.identity.local import make_local_consortium
from steelyard.identity.membership import Membership

PARTIES = ("bank-a", "bank-b", "bank-c")
ADDRESSES = {f"bank-{letter}": f"127.0.0.1:{7001 + place}" for place, letter in enumerate("abcdefg")}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    root = tmp_path_factory.mktemp("consortium") / "d"
    make_local_consortium(root, PARTIES, 2, ADDRESSES, "127.0.0.1:7000")
    return Layout(root)


@pytest.fixture(scope="module")
def chain(layout: Layout) -> ManifestChain:
    return layout.shared.chain()


def _changed(manifest: Manifest, **changes: Any) -> Membership:
    return Membership(msgspec.structs.replace(manifest, **changes), "00" * 32)


def _node(manifest: Manifest, place: int, **changes: Any) -> Membership:
    nodes = list(manifest.nodes)
    nodes[place] = msgspec.structs.replace(nodes[place], **changes)
    return _changed(manifest, nodes=tuple(nodes))


def test_the_view_tells_what_a_node_needs(chain: ManifestChain) -> None:
    membership = chain.current
    assert (membership.threshold, membership.size, membership.minimum_group, membership.version) == (2, 3, 3, 1)
    assert membership.parties == PARTIES
    assert membership.points == {"bank-a": 1, "bank-b": 2, "bank-c": 3}
    assert membership.address("bank-b") == ADDRESSES["bank-b"]
    assert membership.coordinator_address == "127.0.0.1:7000"
    assert membership.organisation_of("analyst") == "bank-a"
    assert membership.digest == chain.pin


def test_the_digest_is_that_of_the_signed_document(chain: ManifestChain) -> None:
    assert chain.current.digest == digest("document", b"manifest", chain.versions[0].payload).hex()


def test_the_keys_in_the_view_are_those_in_the_homes(layout: Layout, chain: ManifestChain) -> None:
    node, requester = layout.home(Role.NODE, "bank-a"), layout.home(Role.REQUESTER, "analyst")
    membership = chain.current
    assert membership.signing_keys["bank-a"] == node.signing_key().public_key()
    assert membership.requester_keys["analyst"] == requester.signing_key().public_key()
    assert membership.sealing_key("analyst") == requester.sealing_key().public_key().public_bytes_raw()
    assert membership.node_sealing_key("bank-a") == node.sealing_key().public_key().public_bytes_raw()


@pytest.mark.parametrize("view", ["points", "signing_keys", "requester_keys", "organisation_keys"])
def test_the_view_cannot_be_written_to(chain: ManifestChain, view: str) -> None:
    mapping: Mapping[str, object] = getattr(chain.current, view)
    with pytest.raises(TypeError):
        mapping["bank-z"] = 1  # type: ignore[index]


def test_nobody_is_found_who_is_not_listed(chain: ManifestChain) -> None:
    lookups: list[Callable[[str], object]] = [
        chain.current.address,
        chain.current.sealing_key,
        chain.current.node_sealing_key,
        chain.current.organisation_of,
    ]
    for look in lookups:
        with pytest.raises(NotFound):
            look("bank-z")


@pytest.mark.parametrize(
    ("size", "threshold", "quorum"), [(3, 2, 3), (4, 2, 3), (5, 3, 4), (7, 4, 6), (2, 2, 2), (4, 4, 4)]
)
def test_two_quorums_share_more_parties_than_may_lie(size: int, threshold: int, quorum: int, layout: Layout) -> None:
    manifest = layout.shared.membership().manifest
    nodes, organisations = [], []
    for place in range(size):
        made = [keys.public_hex(keys.create_signing_key()) for _ in range(6)]
        node = msgspec.structs.replace(manifest.nodes[0], party=f"p{place}", point=place + 1, address=f"p{place}:1")
        nodes.append(msgspec.structs.replace(node, tls=made[0], owner_tls=made[1], signing=made[2], sealing=made[3]))
        organisations.append(msgspec.structs.replace(manifest.organisations[0], id=f"p{place}", key=made[4]))
    changes = {"nodes": tuple(nodes), "organisations": tuple(organisations), "requesters": ()}
    membership = _changed(manifest, threshold=threshold, minimum_group=min(threshold + 1, size), **changes)
    assert membership.quorum == quorum
    assert 2 * membership.quorum - size >= threshold  # so one of them is honest


def test_the_parties_are_ordered_by_point_whatever_the_manifest_s_order(chain: ManifestChain) -> None:
    manifest = chain.current.manifest
    assert _changed(manifest, nodes=manifest.nodes[::-1]).parties == PARTIES


@pytest.mark.parametrize("point", [0, -1, (1 << 32) + 1, (1 << 61) - 1, 1 << 61])
def test_a_point_that_is_zero_or_could_wrap_around_is_refused(chain: ManifestChain, point: int) -> None:
    with pytest.raises(Invalid):
        _node(chain.current.manifest, 0, point=point)


def test_a_point_of_two_parties_is_refused(chain: ManifestChain) -> None:
    with pytest.raises(Invalid, match="evaluation point"):
        _node(chain.current.manifest, 0, point=2)


def test_a_second_node_of_a_party_is_refused(chain: ManifestChain) -> None:
    with pytest.raises(Invalid, match="one node twice: bank-b"):
        _node(chain.current.manifest, 0, party="bank-b")


@pytest.mark.parametrize("list_name", ["organisations", "requesters"])
def test_an_id_listed_twice_is_refused(chain: ManifestChain, list_name: str) -> None:
    listed = getattr(chain.current.manifest, list_name)
    with pytest.raises(Invalid, match="twice"):
        _changed(chain.current.manifest, **{list_name: (*listed, listed[0])})


@pytest.mark.parametrize("field", ["tls", "owner_tls", "signing", "sealing"])
def test_a_key_with_two_holders_or_two_purposes_is_refused(chain: ManifestChain, field: str) -> None:
    manifest = chain.current.manifest
    for taken in (manifest.nodes[1].signing, manifest.organisations[0].key, manifest.requesters[0].tls):
        with pytest.raises(Invalid, match="key twice"):
            _node(manifest, 0, **{field: taken})


def test_a_node_of_no_organisation_is_refused(chain: ManifestChain) -> None:
    with pytest.raises(Invalid, match="bank-z"):
        _node(chain.current.manifest, 0, party="bank-z")


def test_a_requester_of_no_organisation_is_refused(chain: ManifestChain) -> None:
    requester = msgspec.structs.replace(chain.current.manifest.requesters[0], organisation="bank-z")
    with pytest.raises(Invalid, match="bank-z"):
        _changed(chain.current.manifest, requesters=(requester,))


@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_a_threshold_outside_its_bounds_is_refused(chain: ManifestChain, threshold: int) -> None:
    with pytest.raises(Invalid, match="threshold"):
        _changed(chain.current.manifest, threshold=threshold)


@pytest.mark.parametrize("group", [0, 1, 4])
def test_a_minimum_group_outside_its_bounds_is_refused(chain: ManifestChain, group: int) -> None:
    with pytest.raises(Invalid, match="minimum group"):
        _changed(chain.current.manifest, minimum_group=group)


@pytest.mark.parametrize("count", [0, 1])
def test_a_consortium_of_fewer_than_two_is_refused(chain: ManifestChain, count: int) -> None:
    with pytest.raises(Invalid, match="2 to 31 nodes"):
        _changed(chain.current.manifest, nodes=chain.current.manifest.nodes[:count])


@pytest.mark.parametrize("changes", [{"signing": "AB" * 32}, {"tls": "00"}, {"address": "nowhere"}, {"party": "Bank"}])
def test_a_field_outside_its_bounds_is_refused_also_when_built_in_memory(
    chain: ManifestChain, changes: dict[str, str]
) -> None:
    with pytest.raises(Invalid):
        _node(chain.current.manifest, 0, **changes)


@pytest.mark.parametrize(
    ("role", "name"),
    [(Role.NODE, "bank-b"), (Role.OWNER, "bank-b"), (Role.REQUESTER, "analyst"), (Role.COORDINATOR, "coordinator")],
)
def test_a_pinned_certificate_identifies_its_holder(
    layout: Layout, chain: ManifestChain, role: Role, name: str
) -> None:
    certificate = pem(layout.home(role, name).certificate()).encode()
    assert chain.current.identify(certificate) == Identity("local", role, name)


def test_a_second_bank_a_signed_by_the_same_authority_is_refused(layout: Layout, chain: ManifestChain) -> None:
    stolen = Authority.load(layout.ca)
    for role in (Role.NODE, Role.OWNER):
        twin = stolen.issue(Identity("local", role, "bank-a"), keys.create_tls_key().public_key())
        with pytest.raises(Unauthenticated, match="another key"):
            chain.current.identify(pem(twin).encode())


def test_a_pinned_key_under_another_name_or_role_is_refused(layout: Layout, chain: ManifestChain) -> None:
    authority, key = Authority.load(layout.ca), layout.home(Role.NODE, "bank-a").tls_key().public_key()
    for other in ((Role.NODE, "bank-b"), (Role.OWNER, "bank-a"), (Role.COORDINATOR, "coordinator")):
        with pytest.raises(Unauthenticated, match="another key"):
            chain.current.identify(pem(authority.issue(Identity("local", *other), key)).encode())


def test_a_stranger_and_another_consortium_are_refused(layout: Layout, chain: ManifestChain) -> None:
    key = layout.home(Role.NODE, "bank-a").tls_key().public_key()
    stranger = Authority.load(layout.ca).issue(Identity("local", Role.NODE, "bank-z"), key)
    foreign = Authority.create("elsewhere").issue(Identity("elsewhere", Role.NODE, "bank-a"), key)
    for certificate in (stranger, foreign):
        with pytest.raises(Unauthenticated, match="knows no"):
            chain.current.identify(pem(certificate).encode())


@pytest.mark.parametrize(
    ("parties", "threshold", "changes", "error"),
    [
        (("bank-a", "bank-b"), 3, {}, Invalid),
        (("bank-a",), 2, {}, Invalid),
        (("bank-a", "bank-a"), 2, {}, Conflict),
        (("bank-a", "bank-z"), 2, {}, Invalid),
        (("bank-a", "bank-b"), 2, {"minimum_group": 1}, Invalid),
        (("bank-a", "bank-b"), 2, {"coordinator": "nowhere"}, Invalid),
        (("bank-a", "bank-b"), 2, {"consortium": "No Name"}, Invalid),
        (("bank-a", "bank-b"), 2, {"days": 0}, Invalid),
    ],
)
def test_a_local_consortium_that_breaks_a_rule_is_refused(
    parties: tuple[str, ...], threshold: int, changes: dict[str, Any], error: type[SteelyardError], tmp_path: Path
) -> None:
    options = {"coordinator": "127.0.0.1:7000", **changes}
    with pytest.raises(error):
        make_local_consortium(tmp_path / "d", parties, threshold, ADDRESSES, **options)
    assert not (tmp_path / "d").exists() or not list((tmp_path / "d").iterdir())


def test_a_local_consortium_is_not_made_twice(layout: Layout) -> None:
    with pytest.raises(Conflict):
        make_local_consortium(layout.root, PARTIES, 2, ADDRESSES, "127.0.0.1:7000")


def test_every_private_key_of_a_local_consortium_is_private(layout: Layout) -> None:
    found = list(layout.root.rglob("*.key"))
    assert len(found) >= 1 + 3 * (1 + 3 + 1) + 1 + 3
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


def test_every_home_of_a_local_consortium_trusts_the_same_manifest(layout: Layout, chain: ManifestChain) -> None:
    held = [home for home in layout.homes() if (home.path / "manifest.json").exists()]
    assert len(held) == 3 + 3 + 1 + 1
    assert {home.membership().digest for home in held} == {chain.pin}
