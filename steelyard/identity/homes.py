"""Where keys and certificates lie: one `Home` per name, all of them under one `Layout`.

D/ca/{ca.pem,ca.key}  D/manifest.json  D/pin          the authority; the consortium's manifest and its pinned digest
D/organisations/<party>/organisation.key              offline: signs manifests and nothing else
D/nodes/<party>/  D/owners/<party>/  D/coordinator/  D/requesters/<id>/
    {tls.pem, tls.key, ca.pem, manifest.json, pin}    and signing.key, sealing.key for nodes and requesters
D/contributors/<id>/{signing.key, sealing.key, registration.json}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from steelyard.errors import Conflict
from steelyard.identity import certificates, files, keys
from steelyard.identity.certificates import Role
from steelyard.identity.chain import ManifestChain, save_versions
from steelyard.identity.membership import Membership
from steelyard.ids import party_id

MAX_PIN: Final = 256

_SIGNERS: Final = (Role.NODE, Role.REQUESTER)


@dataclass(frozen=True)
class Home:
    """The directory of one name, such as one node."""

    path: Path

    def create_keys(self, role: Role) -> None:
        """Makes the keys that a role needs; raises Conflict when one is there already."""
        files.private_directory(self.path)
        keys.save(keys.create_tls_key(), self.path / "tls.key")
        if role in _SIGNERS:
            self.create_document_keys()

    def create_document_keys(self) -> None:
        """Those that sign documents and open what is sealed: all that somebody without a connection needs."""
        files.private_directory(self.path)
        keys.save(keys.create_signing_key(), self.path / "signing.key")
        keys.save(keys.create_sealing_key(), self.path / "sealing.key")

    def tls_key(self) -> keys.TlsKey:
        return keys.load_tls_key(self.path / "tls.key")

    def signing_key(self) -> Ed25519PrivateKey:
        return keys.load_signing_key(self.path / "signing.key")

    def sealing_key(self) -> X25519PrivateKey:
        return keys.load_sealing_key(self.path / "sealing.key")

    def certificate(self) -> x509.Certificate:
        return _certificate(self.path / "tls.pem")

    def authority(self) -> x509.Certificate:
        """The authority's certificate that this home trusts."""
        return _certificate(self.path / "ca.pem")

    def put_certificate(self, certificate: x509.Certificate) -> None:
        files.replace(self.path / "tls.pem", certificates.pem(certificate).encode())

    def put_authority(self, authority: x509.Certificate) -> None:
        files.replace(self.path / "ca.pem", certificates.pem(authority).encode())

    def pin(self) -> str:
        return files.read(self.path / "pin", MAX_PIN).decode("ascii", "replace").strip()

    def chain(self) -> ManifestChain:
        """The manifest held here, verified from the digest pinned here."""
        return ManifestChain.load(self.path / "manifest.json", self.pin())

    def membership(self) -> Membership:
        """The newest version of `chain`."""
        return self.chain().current

    def adopt(self, chain: ManifestChain) -> None:
        """Holds `chain` from now on; raises Conflict unless it starts at the pin and continues the manifest held
        here.
        """
        if (self.path / "pin").exists() and self.pin() != chain.pin:
            raise Conflict(f"this manifest does not start at the digest pinned in {self.path}")
        if (self.path / "manifest.json").exists():
            self.chain().check_successor(chain)
        files.replace(self.path / "pin", f"{chain.pin}\n".encode())
        save_versions(chain.versions, self.path / "manifest.json")


@dataclass(frozen=True)
class Layout:
    """The fixed layout of a directory; a real party has only its own part of it."""

    root: Path

    @property
    def ca(self) -> Path:
        return self.root / "ca"

    @property
    def shared(self) -> Home:
        """The root itself, for its manifest and pin."""
        return Home(self.root)

    def organisation_key(self, party: str) -> Path:
        return self.root / "organisations" / party_id(party) / "organisation.key"

    def entry(self, role: Role, name: str) -> Path:
        return self.root / "entries" / f"{role}-{party_id(name)}.json"

    def home(self, role: Role, name: str = "") -> Home:
        """The home of a name in a role; the coordinator is the only one of its kind."""
        if role == Role.COORDINATOR:
            return Home(self.root / "coordinator")
        return Home(self.root / f"{role}s" / party_id(name))

    def contributor(self, name: str) -> Home:
        """The keys of a party without a node: it has no certificate, so it is none of `homes`."""
        return Home(self.root / "contributors" / party_id(name))

    def homes(self) -> Iterator[Home]:
        """Every home that exists here, in a stable order."""
        found = [path for role in (Role.NODE, Role.OWNER, Role.REQUESTER) for path in self.root.glob(f"{role}s/*")]
        for path in [*sorted(found), self.root / "coordinator"]:
            if (path / "tls.key").exists():
                yield Home(path)

    def create_organisation_key(self, party: str) -> None:
        path = self.organisation_key(party)
        files.private_directory(path.parent)
        keys.save(keys.create_signing_key(), path)


def _certificate(path: Path) -> x509.Certificate:
    return certificates.load_certificate(files.read(path, certificates.MAX_CERTIFICATE))
