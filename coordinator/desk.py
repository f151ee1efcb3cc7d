"""What requesters can do: hand in, look, list, cancel.  Each sees only what is its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.clock import now_ms
from coordinator.computation import Computation, in_order
from coordinator.config import Limits
from coordinator.lifecycle import State
from coordinator.registry import FIRST_PAGE, Registry
from coordinator.scheduler import Scheduler
from steelyard.documents.request import MAX_LIFE_MS, Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed
from steelyard.errors import Cancelled, Conflict, Invalid, Overloaded, SteelyardError, Unauthenticated
from steelyard.identity.membership import Membership

DEFAULT_PAGE = 100
MAX_PAGE = 1000


@dataclass(frozen=True)
class Desk:
    """What it refuses it refuses early, to keep junk from the nodes; the nodes check all of it again and more."""

    membership: Membership
    registry: Registry
    scheduler: Scheduler
    limits: Limits

    async def create(self, requester: str, signed: Signed) -> Computation:
        """The computation, recorded and under way; the same request again finds the same computation.

        Raises Unauthenticated for a request that `requester` did not sign, Conflict for another manifest or a used id,
        Invalid for one that has expired or lives too long, Overloaded.
        """
        request = signed.open(Request, self.membership.requester_keys)
        if not requester == request.requester == signed.signer:
            raise Unauthenticated("a request is signed and handed in by the requester it names")
        known = await self.registry.find(request.computation)
        if known is None:
            self._check(request)
            known = self.registry.live.get(request.computation)  # another call may have come in between
        if known is None:
            known = self._begin(signed, request)
        elif known.signed.payload != signed.payload:
            raise Conflict("this computation id was used for another request")
        try:
            await self.registry.confirm(known)
        except SteelyardError:
            await self.scheduler.forget(known)
            raise
        return known

    async def get(self, requester: str, computation: str) -> Computation:
        return await self.registry.get(computation, requester)

    async def page(self, requester: str, size: int, token: str) -> tuple[list[Computation], str]:
        """At most `size` computations, newest first, and the token of the next page."""
        if not 0 <= size <= MAX_PAGE:
            raise Invalid(f"a page has 1 to {MAX_PAGE} computations")
        size = size or DEFAULT_PAGE
        found = await self.registry.page(requester, position(token), size + 1)
        more = len(found) > size
        return found[:size], f"{found[size - 1].created_ms}:{found[size - 1].id}" if more else ""

    async def cancel(self, requester: str, computation: str) -> Computation:
        """Raises Conflict for one that has ended otherwise."""
        found = await self.registry.get(computation, requester)
        if not isinstance(found.failure, Cancelled):
            await self.scheduler.cancel(found, Cancelled(f"cancelled by {requester}", party=requester))
        return found

    async def results(self, requester: str, computation: str) -> Iterable[SealedResult]:
        """The sealed results of all nodes that delivered one; raises Conflict unless the computation is DONE."""
        found = await self.registry.get(computation, requester)
        if found.state is not State.DONE:
            raise Conflict(f"the computation is {found.state}: it has no results to fetch")
        return await self.registry.results(found)

    def _begin(self, signed: Signed, request: Request) -> Computation:
        parties = in_order(self.membership.parties, {})
        computation = Computation(signed, request, now_ms(), parties)
        self.registry.add(computation)
        self.scheduler.start(computation)  # beside the write: the nodes may be asked about what we then forget
        return computation

    def _check(self, request: Request) -> None:
        if request.manifest != self.membership.digest:
            raise Conflict(
                f"the request is for another version of the manifest than version {self.membership.version} in use here"
            )
        if not request.created_ms < request.expires_ms <= request.created_ms + MAX_LIFE_MS:
            raise Invalid("a request expires after it was made, and at most seven days later")
        if request.expires_ms <= now_ms():
            raise Invalid("the request has expired")
        live = [each for each in self.registry.live.values() if not each.state.ended]
        mine = sum(each.requester == request.requester for each in live)
        if len(live) >= self.limits.running or mine >= self.limits.running_per_requester:
            raise Overloaded("as many computations are under way as this coordinator takes")


def position(token: str) -> tuple[int, str]:
    """Where a page begins; raises Invalid for a token that is none of ours."""
    if not token:
        return FIRST_PAGE
    created, _, computation = token.partition(":")
    if not (created.isascii() and created.isdecimal() and len(created) <= 18):
        raise Invalid("this page token is none of ours")
    return int(created), computation[:40]
