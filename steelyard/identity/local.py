"""A whole consortium made in one place, for a local profile or a demonstration.

Every key of every organisation lies in one directory here, which a real consortium never does: there each party makes
its own and enrols (`steelyard.identity.enrolment`).
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from steelyard.errors import Conflict, Invalid
from steelyard.identity import certificates, drafts, files, keys
from steelyard.identity.authority import DEFAULT_DAYS, Authority
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.chain import ManifestChain
from steelyard.identity.enrolment import create_homes, entry_of
from steelyard.identity.entries import Entry, Joiner
from steelyard.identity.homes import Home, Layout
from steelyard.identity.membership import Membership

COORDINATOR: Final = "coordinator"


def make_local_consortium(
    directory: Path,
    parties: Sequence[str],
    threshold: int,
    addresses: Mapping[str, str],
    coordinator: str,
    *,
    requester: str = "analyst",
    consortium: str = "local",
    minimum_group: int | None = None,
    hosts: Sequence[str] = (),
    days: int = DEFAULT_DAYS,
    now: datetime | None = None,
) -> Membership:
    """Makes authority, keys, certificates and the signed manifest under `directory`, laid out as `homes` describes.

    `addresses` gives host:port per party, `coordinator` its own; `hosts` are further names every server answers to.
    Points are 1, 2, ... in the order of `parties`; `minimum_group` is min(n, max(3, k+1)) unless given; the requester
    belongs to the first party.  Raises Conflict when there is a consortium already, Invalid for wrong names, addresses
    or sizes.
    """
    _check(Layout(directory), parties, addresses)
    joiners = [Joiner("node", each, addresses[each], hosts=hosts) for each in parties]
    joiners += [Joiner("coordinator", COORDINATOR, coordinator, hosts=hosts)]
    joiners += [Joiner("requester", requester, organisation=parties[0])]
    with _whole_or_not_at_all(directory) as layout:
        authority = Authority.create(consortium, now)
        authority.save(layout.ca)
        entries = [issue_here(layout, authority, joiner, days=days, now=now) for joiner in joiners]
        draft = drafts.first(
            consortium, authority.fingerprint, entries, threshold=threshold, minimum_group=minimum_group
        )
        for party in parties:
            draft = drafts.sign(draft, party, keys.load_signing_key(layout.organisation_key(party)))
        chain = ManifestChain(draft, draft[0].digest)
        adopt_everywhere(layout, chain)
    return chain.current


def issue_here(
    layout: Layout,
    authority: Authority,
    joiner: Joiner,
    *,
    days: int = DEFAULT_DAYS,
    now: datetime | None = None,
) -> Entry:
    """Keys and certificates of one joiner, made where the authority is; raises Conflict when its keys exist."""
    create_homes(layout, joiner, authority.certificate)
    for role in joiner.roles:
        home, identity = layout.home(role, joiner.id), Identity(authority.consortium, role, joiner.id)
        hosts = () if role == Role.OWNER else joiner.called
        home.put_certificate(authority.issue(identity, home.tls_key().public_key(), hosts, days=days, now=now))
    return entry_of(layout, joiner)


def renew_here(home: Home, authority: Authority, *, days: int = DEFAULT_DAYS, now: datetime | None = None) -> None:
    """Replaces the certificate of one home by a fresh one under the same key."""
    home.put_certificate(authority.renew(home.certificate(), renewal_request(home), days=days, now=now))


def renewal_request(home: Home) -> bytes:
    """A certificate request (PEM) for the name, hosts and key that the home's certificate has."""
    current = home.certificate()
    identity, hosts = certificates.read_identity(current), certificates.hosts_in(current)
    request = certificates.create_request(home.tls_key(), identity, hosts)
    return certificates.pem(request).encode()


def adopt_everywhere(layout: Layout, chain: ManifestChain) -> list[Home]:
    """Puts a manifest at the root and into every home; raises Conflict unless it continues what each of them holds."""
    homes = [layout.shared, *layout.homes()]
    for home in homes:
        home.adopt(chain)
    return homes


@contextmanager
def _whole_or_not_at_all(directory: Path) -> Iterator[Layout]:
    """A layout to fill, which moves into `directory` when all went well and leaves nothing behind when not."""
    files.private_directory(directory)
    workshop = files.private_directory(directory / f".consortium-{secrets.token_hex(8)}")
    try:
        yield Layout(workshop)
        for made in list(workshop.iterdir()):
            made.rename(directory / made.name)
    finally:
        shutil.rmtree(workshop)


def _check(layout: Layout, parties: Sequence[str], addresses: Mapping[str, str]) -> None:
    made = ("ca", "manifest.json", "nodes", "owners", "organisations", "coordinator", "requesters")
    if any((layout.root / name).exists() for name in made):
        raise Conflict("there is a consortium in this directory already")
    missing = [party for party in parties if party not in addresses]
    if missing or not parties:
        raise Invalid(f"no address is given for {', '.join(missing) or 'any party'}")
