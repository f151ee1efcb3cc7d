"""The manifest: its rules, who a certificate is, and a history that nobody changes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steelyard.digest import digest
from steelyard.documents.manifest import Manifest
from steelyard.documents.signed import sign_bytes
from steelyard.errors import Conflict, Invalid, Malformed, NotFound, SteelyardError, Unauthenticated
from steelyard.identity import drafts, keys
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Identity, Role, pem
from steelyard.identity.chain import ManifestChain, ManifestVersion, Signature, load_versions, save_versions
from steelyard.identity.entries import Entry, Joiner
from steelyard.identity.homes import Home, Layout
from steelyard.identity.local import issue_here, make_local_consortium
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId

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


@pytest.fixture(scope="module")
def newcomer(layout: Layout) -> Entry:
    return issue_here(layout, Authority.load(layout.ca), Joiner("node", "bank-d", ADDRESSES["bank-d"]))


def _changed(manifest: Manifest, **changes: Any) -> Membership:
    return Membership(msgspec.structs.replace(manifest, **changes), "00" * 32)


def _node(manifest: Manifest, place: int, **changes: Any) -> Membership:
    nodes = list(manifest.nodes)
    nodes[place] = msgspec.structs.replace(nodes[place], **changes)
    return _changed(manifest, nodes=tuple(nodes))


def _signed_by(
    versions: Sequence[ManifestVersion], layout: Layout, names: Sequence[str], pin: str = ""
) -> tuple[ManifestVersion, ...]:
    signed = tuple(versions)
    for name in names:
        signed = drafts.sign(signed, name, keys.load_signing_key(layout.organisation_key(name)), pin)
    return signed


def _version(layout: Layout, manifest: Manifest, names: Sequence[str]) -> ManifestVersion:
    """A version signed by `names`, past every check that drafting makes."""
    payload, signatures = manifest.encode(), []
    for name in names:
        key = keys.load_signing_key(layout.organisation_key(name))
        signatures.append(Signature(signer=name, signature=sign_bytes("manifest", payload, name, key).signature))
    return ManifestVersion(payload=payload, signatures=tuple(signatures))


def _following(chain: ManifestChain, **changes: Any) -> Manifest:
    last = chain.current.manifest
    base = msgspec.structs.replace(last, version=last.version + 1, previous=chain.current.digest)
    return msgspec.structs.replace(base, **changes)


def _extended(chain: ManifestChain, version: ManifestVersion) -> ManifestChain:
    return ManifestChain((*chain.versions, version), chain.pin)


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
    membership = _changed(manifest, threshold=threshold, minimum_group=2, **changes)
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


def test_a_history_starts_at_the_pinned_digest(chain: ManifestChain) -> None:
    for pin in ("00" * 32, "", "é"):
        with pytest.raises(Unauthenticated, match="pinned"):
            ManifestChain(chain.versions, pin)


def test_a_missing_organisation_s_signature_is_named(layout: Layout, chain: ManifestChain) -> None:
    version = _version(layout, chain.current.manifest, ["bank-a", "bank-c"])
    with pytest.raises(Unauthenticated, match="not signed by bank-b"):
        ManifestChain([version], version.digest)


@pytest.mark.parametrize("signer", ["bank-b", "bank-z"])
def test_a_forged_signature_is_refused(layout: Layout, chain: ManifestChain, signer: str) -> None:
    good = _version(layout, chain.current.manifest, PARTIES)
    forged = sign_bytes("manifest", good.payload, signer, keys.create_signing_key())
    signatures = (*good.signatures, Signature(signer=signer, signature=forged.signature))
    with pytest.raises(Unauthenticated, match=f"{signer}.*forged"):
        ManifestChain([msgspec.structs.replace(good, signatures=signatures)], good.digest)


def test_a_signature_given_for_another_version_is_refused(layout: Layout, chain: ManifestChain) -> None:
    later = _version(layout, _following(chain), [])
    with pytest.raises(Unauthenticated, match="forged"):
        _extended(chain, msgspec.structs.replace(later, signatures=chain.versions[0].signatures))


def test_a_node_s_own_key_signs_no_manifest(layout: Layout, chain: ManifestChain) -> None:
    with pytest.raises(Unauthenticated, match="not the one"):
        drafts.sign(drafts.following(chain), "bank-a", layout.home(Role.NODE, "bank-a").signing_key(), chain.pin)


def test_the_threshold_changes_when_everybody_signs(layout: Layout, chain: ManifestChain) -> None:
    draft = drafts.following(chain, threshold=3)
    assert drafts.missing(draft, chain.pin) == PARTIES
    half = _signed_by(draft, layout, PARTIES[:2], chain.pin)
    assert drafts.missing(half, chain.pin) == ("bank-c",)
    with pytest.raises(Unauthenticated, match="bank-c"):
        ManifestChain(half, chain.pin)
    whole = ManifestChain(_signed_by(half, layout, PARTIES[2:], chain.pin), chain.pin)
    assert (whole.current.threshold, whole.current.version) == (3, 2)
    assert whole.memberships[0].threshold == 2


def test_signing_twice_is_a_conflict(layout: Layout, chain: ManifestChain) -> None:
    once = _signed_by(drafts.following(chain), layout, ["bank-a"], chain.pin)
    with pytest.raises(Conflict):
        _signed_by(once, layout, ["bank-a"], chain.pin)


def test_nobody_signs_a_draft_on_top_of_a_history_it_cannot_verify(layout: Layout, chain: ManifestChain) -> None:
    with pytest.raises(Unauthenticated, match="pinned"):
        _signed_by(drafts.following(chain), layout, ["bank-a"])


def test_who_leaves_signs_too(layout: Layout, chain: ManifestChain) -> None:
    draft = drafts.following(chain, removed=["bank-c"], minimum_group=2)
    assert drafts.missing(draft, chain.pin) == PARTIES
    with pytest.raises(Unauthenticated, match="bank-c"):
        ManifestChain(_signed_by(draft, layout, PARTIES[:2], chain.pin), chain.pin)


def test_who_joins_signs_too_and_gets_a_fresh_point(layout: Layout, chain: ManifestChain, newcomer: Entry) -> None:
    draft = drafts.following(chain, [newcomer])
    assert drafts.missing(draft, chain.pin) == (*PARTIES, "bank-d")
    grown = ManifestChain(_signed_by(draft, layout, (*PARTIES, "bank-d"), chain.pin), chain.pin)
    assert grown.current.points[PartyId("bank-d")] == 4


def test_an_organisation_that_changes_its_key_signs_under_both(layout: Layout, chain: ManifestChain) -> None:
    fresh = keys.create_signing_key()
    changed = msgspec.structs.replace(chain.current.manifest.organisations[0], key=keys.public_hex(fresh))
    organisations = (changed, *chain.current.manifest.organisations[1:])
    version = _version(layout, _following(chain, organisations=organisations), PARTIES)
    with pytest.raises(Unauthenticated, match="not signed by bank-a"):
        _extended(chain, version)
    both = drafts.sign((*chain.versions, version), "bank-a", fresh, chain.pin)
    assert ManifestChain(both, chain.pin).current.organisation_keys["bank-a"] == fresh.public_key()


@pytest.mark.parametrize("remaining", [("bank-b", "bank-c"), ("bank-a", "bank-c"), ("bank-a", "bank-b")])
def test_removing_a_member_moves_nobody_s_point(
    layout: Layout, chain: ManifestChain, newcomer: Entry, remaining: tuple[str, ...]
) -> None:
    gone = (set(PARTIES) - set(remaining)).pop()
    signed = _signed_by(drafts.following(chain, removed=[gone], minimum_group=2), layout, PARTIES, chain.pin)
    smaller = ManifestChain(signed, chain.pin)
    assert smaller.current.points == {party: chain.current.points[PartyId(party)] for party in remaining}
    grown = drafts.following(smaller, [newcomer])
    assert grown[-1].manifest.nodes[-1].point == 4  # never the one that fell free


def test_a_reused_point_is_refused_however_many_sign(layout: Layout, chain: ManifestChain, newcomer: Entry) -> None:
    signed = _signed_by(drafts.following(chain, removed=["bank-c"], minimum_group=2), layout, PARTIES, chain.pin)
    smaller = ManifestChain(signed, chain.pin)
    organisations = (*smaller.current.manifest.organisations, newcomer.as_organisation())
    nodes = (*smaller.current.manifest.nodes, newcomer.as_node(3))
    version = _version(layout, _following(smaller, organisations=organisations, nodes=nodes), (*PARTIES[:2], "bank-d"))
    with pytest.raises(Unauthenticated, match="point 3 belonged to bank-c"):
        _extended(smaller, version)


def test_a_party_that_moves_to_another_point_is_refused(layout: Layout, chain: ManifestChain) -> None:
    nodes = list(chain.current.manifest.nodes)
    nodes[0] = msgspec.structs.replace(nodes[0], point=9)
    with pytest.raises(Unauthenticated, match="bank-a changed"):
        _extended(chain, _version(layout, _following(chain, nodes=tuple(nodes)), PARTIES))


@pytest.mark.parametrize(
    "changes", [{"version": 3}, {"version": 1}, {"previous": "00" * 32}, {"previous": ""}, {"consortium": "other"}]
)
def test_a_version_that_does_not_follow_is_refused(
    layout: Layout, chain: ManifestChain, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        _extended(chain, _version(layout, _following(chain, **changes), PARTIES))


def test_a_history_with_a_version_left_out_is_refused(layout: Layout, chain: ManifestChain) -> None:
    two = ManifestChain(_signed_by(drafts.following(chain, threshold=3), layout, PARTIES, chain.pin), chain.pin)
    three = _signed_by(drafts.following(two, threshold=2), layout, PARTIES, chain.pin)
    assert ManifestChain(three, chain.pin).current.version == 3
    with pytest.raises(Unauthenticated, match="does not follow"):
        ManifestChain((three[0], three[2]), chain.pin)
    with pytest.raises(Unauthenticated, match="pinned"):
        ManifestChain(three[1:], chain.pin)


def test_a_home_goes_forward_only(layout: Layout, chain: ManifestChain, tmp_path: Path) -> None:
    two = ManifestChain(_signed_by(drafts.following(chain, threshold=3), layout, PARTIES, chain.pin), chain.pin)
    fork = ManifestChain(_signed_by(drafts.following(chain, minimum_group=2), layout, PARTIES, chain.pin), chain.pin)
    home = Home(tmp_path)
    home.adopt(chain)
    home.adopt(two)
    for other in (chain, fork):
        with pytest.raises(Conflict):
            home.adopt(other)
    assert home.membership().threshold == 3


def test_a_home_with_another_pin_adopts_nothing(chain: ManifestChain, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("00" * 32)
    with pytest.raises(Conflict, match="pinned"):
        Home(tmp_path).adopt(chain)


def test_a_manifest_file_keeps_every_byte(chain: ManifestChain, tmp_path: Path) -> None:
    save_versions(chain.versions, tmp_path / "m.json")
    assert load_versions(tmp_path / "m.json") == chain.versions


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[{}]", b'[{"payload":"e30=","signatures":[],"more":1}]', b"[" * 99999]
)
def test_a_file_that_is_no_manifest_is_malformed(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(Malformed):
        load_versions(tmp_path / "m.json")


def test_an_empty_history_is_malformed() -> None:
    with pytest.raises(Malformed):
        ManifestChain([], "00" * 32)
    with pytest.raises(Malformed):
        drafts.missing([])


def test_another_document_s_bytes_are_no_manifest(layout: Layout) -> None:
    version = ManifestVersion(payload=b'{"text":"hello"}')
    with pytest.raises(Malformed):
        ManifestChain([version], version.digest)


def test_a_manifest_with_an_unknown_field_is_malformed(chain: ManifestChain) -> None:
    payload = chain.versions[0].payload[:-1] + b',"operator_may_sign":true}'
    version = ManifestVersion(payload=payload)
    with pytest.raises(Malformed):
        ManifestChain([version], version.digest)


def test_only_somebody_listed_can_be_removed(chain: ManifestChain) -> None:
    with pytest.raises(Invalid, match="bank-z"):
        drafts.following(chain, removed=["bank-z"])


def test_a_draft_that_breaks_a_rule_is_not_made(chain: ManifestChain) -> None:
    with pytest.raises(Invalid):
        drafts.following(chain, threshold=9)


def test_an_incomplete_or_missing_coordinator_is_refused(newcomer: Entry) -> None:
    with pytest.raises(Invalid, match="one coordinator"):
        drafts.first("local", "00" * 32, [newcomer], threshold=2)


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
