"""Firms without a node, for tests: registered by the analyst of a consortium on disk, with bundles that can be bent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from clients.sdk.firm import Firm
from steelyard.documents.contribution import Bundle, ContributionHeader
from steelyard.documents.contributor import Contributor
from steelyard.documents.signed import Signed, read, sign
from steelyard.identity.certificates import Role
from steelyard.identity.contributors import vouch
from steelyard.identity.homes import Layout
from steelyard.identity.membership import Membership

DAY_MS = 24 * 3600 * 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Firms:
    """All firms of one sponsor."""

    def __init__(
        self, root: Path, membership: Membership, sponsor: str = "analyst", folder: Path | None = None
    ) -> None:
        """`folder`: where the nodes' sealing keys are known; without it firms seal to the manifest's."""
        self.folder = folder
        self.layout, self.membership, self.sponsor = Layout(root), membership, sponsor
        self.key = self.layout.home(Role.REQUESTER, sponsor).signing_key()

    def firm(self, name: str = "firm-x", **changes: Any) -> Firm:
        """Registered; `changes` are of the registration, which is then kept unchecked."""
        home = self.layout.contributor(name)
        if not (home.path / "signing.key").exists():
            home.create_document_keys()
        firm = Firm(name, home, self.membership, self.folder)
        firm.adopt(self.registration(firm, **changes))
        return firm

    def registration(self, firm: Firm, **changes: Any) -> Signed:
        draft: Contributor = msgspec.structs.replace(firm.draft(self.sponsor), **changes)
        return vouch(draft, self.key)

    def bundle(self, name: str = "firm-x", *values: int, dataset: str = "dues", layer: str = "amounts") -> Bundle:
        made = np.array(values or (1, -2, 3), dtype=np.int64)
        return self.firm(name).seal({layer: made}, dataset=dataset, purpose="test")

    def bent(self, bundle: Bundle, parts: Mapping[str, bytes] | None = None, **changes: Any) -> Bundle:
        """With a header that the same firm signed with these changes, and with other ciphertexts."""
        header = self.header(bundle)
        key = self.layout.contributor(header.contributor).signing_key()
        signed = sign(msgspec.structs.replace(header, **changes), header.contributor, key)
        return Bundle(bundle.registration, signed, bundle.parts if parts is None else parts)

    def header(self, bundle: Bundle) -> ContributionHeader:
        return read(ContributionHeader, bundle.header.payload)


def only(bundle: Bundle, party: str) -> Bundle:
    """As it is delivered to one node."""
    return Bundle(bundle.registration, bundle.header, {party: bundle.parts[party]})
