"""The coordinator put together: what is made, in which order it starts, and in which it stops."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from coordinator.authorisation import RULES
from coordinator.clock import now_ms
from coordinator.config import Config
from coordinator.contributions import Contributions
from coordinator.courier import Courier
from coordinator.desk import Desk
from coordinator.directory import Directory
from coordinator.intake import Intake
from coordinator.metrics import Metrics
from coordinator.nodes import connect
from coordinator.registry import Disk, Registry
from coordinator.scheduler import Scheduler
from coordinator.service import CoordinatorService
from coordinator.settlements import Settlements
from coordinator.store import Store
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.errors import Failed
from steelyard.identity import files
from steelyard.identity.homes import Home
from steelyard.rpc import memory, tls
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.server import Server, until_told_to_stop
from steelyard.v1.coordinator_pb2_grpc import add_CoordinatorServiceServicer_to_server

DAY_MS = 24 * 3600 * 1000
PURGE_SECONDS = 3600

_log = structlog.get_logger(__name__)


class App:
    """One coordinator on one event loop; `start`, then `stop`."""

    def __init__(self, config: Config, crash_point: Hook = pass_by) -> None:
        """Loads identity and store; raises what is wrong with them."""
        self._config = config
        self.membership = Home(config.identity).membership()
        self.store = Store(files.private_directory(config.state) / "coordinator.db", self.membership.parties)
        self._disk = Disk()
        self.contributions = Contributions(self.store.database, config.state / "contributions", self.membership.parties)
        self._nodes = connect(config.identity, self.membership, config.timing.call)
        self.registry = Registry(self.store, self._disk)
        digest, timing = self.membership.digest, config.timing
        self.directory = Directory(self._nodes, digest, self.store, self._disk, timing)
        self.metrics = Metrics()
        self.settlements = Settlements(
            self._nodes, self.membership, self.directory, self.registry, timing.call, crash_point
        )
        self.scheduler = Scheduler(
            self._nodes,
            self.membership,
            self.registry,
            self.directory,
            config,
            self.metrics,
            self.settlements.attend,
        )
        self.courier = Courier(self._nodes, self.contributions, self._disk, timing)
        self._server = self._make_server()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        """Resumes what had not ended, then listens."""
        running = (self.directory.watch(), self.settlements.watch(), self.courier.run(), self._purge())
        self._tasks = [asyncio.create_task(each) for each in running]
        for computation in await self.registry.resume():
            _log.info("resumed", computation=computation.id, state=computation.state)
            self.scheduler.start(computation, resumed=True)
        entries = self.directory.entries
        reachable = {party: partial(getattr, entry, "reachable") for party, entry in entries.items()}
        self.metrics.observe(lambda: len(self.registry.live), reachable)
        if self._config.metrics:
            self.metrics.serve(self._config.metrics)
        await self._server.start()
        days = tls.days_left(self._config.identity)
        _log.info("listening", port=self.port, parties=len(self._nodes), certificate_days=days)

    async def stop(self, grace: float = 5.0) -> None:
        """Answers what is being asked, then leaves; computations under way are resumed by the next start."""
        await self._server.stop(grace)
        await self.scheduler.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for node in self._nodes.values():
            await node.close()
        self._disk.close()
        self.store.close()

    def _make_server(self) -> Server:
        desk = Desk(self.membership, self.registry, self.scheduler, self._config.limits)
        intake = Intake(self.membership, self.contributions, self._disk, self._config.limits, self.courier.wake)
        service = CoordinatorService(desk, intake, self.directory)
        authorise = Authorise(self.membership, RULES, self.membership.manifest.coordinator.id)
        add = partial(add_CoordinatorServiceServicer_to_server, service)
        return Server(self._config.listen, self._config.identity, authorise, [add])

    async def _purge(self) -> None:
        while True:
            before = now_ms() - self._config.limits.keep_days * DAY_MS
            try:
                gone = await self.registry.purge(before)
                expired = await self._disk.do(self.contributions.expire, now_ms(), before)
                if gone or expired:
                    _log.info("purged", computations=gone, shares=expired)
            except Failed as error:  # a full disk; to forget takes room, too
                _log.error("not purged", problem=error.message)
            await asyncio.sleep(PURGE_SECONDS)


async def run(config: Config, crash_point: Hook = pass_by) -> None:
    """Runs until SIGTERM or SIGINT.  Tests pass a hook that kills it."""
    app = App(config, crash_point)
    memory.settle()
    await app.start()
    try:
        await until_told_to_stop()
    finally:
        await app.stop()
