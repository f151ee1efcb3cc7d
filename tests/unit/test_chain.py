"""The manifest's history: pinned, linked, signed by everybody concerned, and changed by nobody alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from steelyard.documents.manifest import Manifest
from steelyard.documents.signed import sign_bytes
from steelyard.errors import Conflict, Invalid, Malformed, Unauthenticated
from steelyard.identity import drafts, keys
from steelyard.identity.authority import Authority
from steelyard.identity.certificates import Role
from steelyard.identity.chain import ManifestChain, ManifestVersion, Signature, load_versions, save_versions
from steelyard.identity.entries import Entry, Joiner
from steelyard.identity.homes import Home, Layout
from steelyard.identity.local import issue_here, make_local_consortium
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
    next_ = _following(smaller, organisations=organisations, nodes=nodes, minimum_group=3)
    version = _version(layout, next_, (*PARTIES[:2], "bank-d"))
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
    other = drafts.following(chain, removed=["bank-c"], minimum_group=2)
    fork = ManifestChain(_signed_by(other, layout, PARTIES, chain.pin), chain.pin)
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
