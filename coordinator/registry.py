"""All computations: those that live in memory, those that have ended on disk, as one collection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from coordinator.computation import Computation
from coordinator.store import Store
from steelyard.documents.sealed_result import SealedResult
from steelyard.errors import NotFound

P = ParamSpec("P")
T = TypeVar("T")


class Disk:
    """One thread for everything that waits for the disk: calls keep their order, and the event loop goes on."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")

    async def do(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        # Shielded: what was begun is finished, also when nobody waits for it any more.
        return await asyncio.shield(loop.run_in_executor(self._thread, lambda: call(*args, **kwargs)))

    def close(self) -> None:
        self._thread.shutdown(wait=True)


class Registry:
    """Finds computations; a live one is always the same object, which its watchers and its task share."""

    def __init__(self, store: Store, disk: Disk) -> None:
        self._store = store
        self._disk = disk
        self._live: dict[str, Computation] = {}
        self._confirmed: dict[str, asyncio.Task[None]] = {}

    @property
    def live(self) -> Mapping[str, Computation]:
        return self._live

    async def find(self, computation: str) -> Computation | None:
        return self._live.get(computation) or await self._disk.do(self._store.get, computation)

    async def get(self, computation: str, requester: str) -> Computation:
        """Raises NotFound for one that does not exist and, in the same words, for another requester's."""
        found = await self.find(computation)
        if found is None or found.requester != requester:
            raise NotFound(f"there is no computation {computation[:40]!r} of {requester}")
        return found

    def add(self, computation: Computation) -> None:
        """Live from now on; `confirm` waits until it is on disk."""
        self._live[computation.id] = computation
        self._confirmed[computation.id] = asyncio.create_task(self._disk.do(self._store.create, computation))

    async def confirm(self, computation: Computation) -> None:
        """Returns when the computation is on disk; raises Failed when it could not be put there."""
        creating = self._confirmed.get(computation.id)
        if creating is not None:
            await asyncio.shield(creating)

    async def save(self, computation: Computation) -> None:
        await self._disk.do(self._store.save, computation)

    async def finish(self, computation: Computation) -> None:
        """Stores one that has ended and lets go of it."""
        await self.save(computation)
        self.drop(computation)

    def drop(self, computation: Computation) -> None:
        self._live.pop(computation.id, None)
        self._confirmed.pop(computation.id, None)

    async def resume(self) -> list[Computation]:
        """Those that had not ended when the last process did, live again."""
        found = await self._disk.do(self._store.unfinished)
        self._live.update({each.id: each for each in found})
        return found

    async def page(self, requester: str, before: tuple[int, str], size: int) -> list[Computation]:
        found = await self._disk.do(self._store.page, requester, before, size)
        return [self._live.get(each.id, each) for each in found]

    async def results(self, computation: Computation) -> Iterable[SealedResult]:
        """In the manifest's order."""
        if computation.results:
            return [computation.results[party] for party in computation.parties if party in computation.results]
        return await self._disk.do(lambda: list(self._store.results(computation.id)))

    async def purge(self, before_ms: int) -> int:
        return await self._disk.do(self._store.purge, before_ms)


FIRST_PAGE: Final = (1 << 62, "")
