"""Where sponsors hand in contributions: checked for origin, size and hashes, and stored.  Nobody here can open one.

A firm without an entry in the manifest cannot call the coordinator: its sponsor's connection carries its bundle.  Whom
a contribution is from, its own signatures say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from coordinator.clock import now_ms
from coordinator.config import Limits
from coordinator.contributions import Contributions, Quota, Stored
from coordinator.desk import DEFAULT_PAGE, MAX_PAGE, position
from coordinator.registry import Disk
from steelyard.documents.contribution import ELEMENT, Bundle
from steelyard.documents.signed import Signed
from steelyard.errors import Invalid, Malformed, Unauthenticated
from steelyard.identity.contributors import Announced, announced, check_sealed
from steelyard.identity.membership import Membership
from steelyard.identity.sealing import OVERHEAD
from steelyard.rpc import codec
from steelyard.v1 import types_pb2

BATCH = 1 << 24  # bytes that are checked and stored at once
MANY = 500  # contributions that are
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Intake:
    """What it refuses it refuses early, to keep junk from the nodes; the nodes check all of it again and more."""

    membership: Membership
    contributions: Contributions
    disk: Disk
    limits: Limits
    arrived: Callable[[], None]  # called when there is something to deliver

    async def take(self, sponsor: str, chunks: AsyncIterator[types_pb2.ContributionChunk]) -> list[str]:
        """Stores all contributions of a stream, in order; the ids.  After an error those before it may be stored.

        Raises Unauthenticated for a signature or a sponsor other than the caller, Invalid, Malformed, Conflict,
        Overloaded when too much waits, Failed when the disk takes no more.
        """
        assembler = codec.BundleAssembler(lambda registration, header: self._expected(sponsor, registration, header))
        ids: list[str] = []
        batch: list[Bundle] = []
        async for chunk in chunks:
            bundle = assembler.feed(chunk)
            if bundle is not None:
                batch.append(bundle)
            if len(batch) >= MANY or sum(each.size for each in batch) >= BATCH:
                ids += await self._store(sponsor, batch)
                batch = []
        assembler.end()
        return ids + await self._store(sponsor, batch)

    async def page(self, sponsor: str, size: int, token: str) -> tuple[list[Stored], str]:
        """At most `size` contributions, newest first, and the token of the next page."""
        if not 0 <= size <= MAX_PAGE:
            raise Invalid(f"a page has 1 to {MAX_PAGE} contributions")
        size = size or DEFAULT_PAGE
        found = await self.disk.do(self.contributions.page, sponsor, position(token), size + 1)
        more = len(found) > size
        return found[:size], f"{found[size - 1].received_ms}:{found[size - 1].id}" if more else ""

    def _expected(self, sponsor: str, registration: Signed, header: Signed) -> int:
        """Bytes of ciphertext, from the documents alone."""
        known = announced(registration, header, self.membership, now_ms())
        if known.contributor.sponsor != sponsor:
            raise Unauthenticated(f"{known.contributor.sponsor} sponsors this contributor, {sponsor} hands it in")
        size = len(self.membership.parties) * (ELEMENT * known.header.length + OVERHEAD)
        if size > self.limits.bundle_megabytes * _MEGABYTE:
            raise Invalid(f"a contribution of more than {self.limits.bundle_megabytes} MB, all shares together")
        return size

    async def _store(self, sponsor: str, batch: list[Bundle]) -> list[str]:
        if not batch:
            return []
        checked = await asyncio.to_thread(self._checked, batch)
        limits = self.limits
        quota = Quota(limits.contributions_per_sponsor, limits.contribution_megabytes * _MEGABYTE)
        try:
            await self.disk.do(self.contributions.add_all, sponsor, checked, quota, now_ms())
        finally:
            self.arrived()
        return [each.header.id for each, _ in checked]

    def _checked(self, batch: list[Bundle]) -> list[tuple[Announced, Bundle]]:
        return [(self._check(bundle), bundle) for bundle in batch]

    def _check(self, bundle: Bundle) -> Announced:
        known = announced(bundle.registration, bundle.header, self.membership, now_ms())
        if set(bundle.parts) != set(self.membership.parties):
            raise Malformed("a contribution comes without the sealed share of some node")
        for party, ciphertext in bundle.parts.items():
            check_sealed(known.header, party, ciphertext)
        return known
