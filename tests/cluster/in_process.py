"""All parties in this process: real nodes, a real coordinator, mutual TLS on loopback, SQLite on disk, one event loop.

The loop has a thread of its own, so that scenarios can block like any user.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

import structlog

from coordinator import config as coordinator_config
from coordinator.app import App
from node import config as node_config
from node.authorisation import ROLES
from node.books import Books
from node.engine import Engine, Order
from node.handover import Handover
from node.peers import links_of, peer_service
from node.service import NodeService
from node.sessions import Sessions
from steelyard.field import P
from steelyard.identity.homes import Home
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.frames import Frame, decode, encode
from steelyard.rpc.links import Links
from steelyard.rpc.server import Server
from steelyard.v1 import node_pb2_grpc
from tests.cluster.by_sdk import SdkRunner
from tests.cluster.runner import COORDINATOR, END, PARTIES
from tests.service.fakes import abandon

T = TypeVar("T")
MOST: Final = 2.0  # seconds that a dying node lives on, less than the others' patience with it


@dataclass
class Node:
    """One party's node, as `node.app` puts it together, but ended without a farewell."""

    config: node_config.NodeConfig
    books: Books = field(init=False)
    engine: Engine = field(init=False)
    links: Links = field(init=False)
    server: Server = field(init=False)
    sessions: Sessions = field(init=False)
    others: Callable[[], Iterable[Node]] = tuple
    dying: asyncio.Task[None] | None = None
    dies_at: str = ""  # the step at which the next attempt ends it
    steps: set[str] = field(default_factory=set)  # that the newest attempt came to

    async def start(self) -> None:
        config = self.config
        self.books, home = Books.open(config), Home(config.identity)
        self.sessions = Sessions()
        self.links = links_of(self.books.party, self.books.membership, home.path, self.sessions)
        self.engine = Engine(self.books, self.sessions, self.links, config.round_seconds, config.attempts_at_once)
        self.engine.run = self._run  # type: ignore[method-assign]
        service = NodeService(self.books, self.engine, self.links, home, config.state)
        services = [
            partial(node_pb2_grpc.add_NodeServiceServicer_to_server, service),
            peer_service(self.links, Handover.of(self.books, home.path)),
        ]
        authorise = Authorise(self.books.membership, ROLES, self.books.party)
        self.server = Server(config.listen, home.path, authorise, services)
        await self.server.start()
        self.links.start()

    async def kill(self) -> None:
        """The streams break first: a dead node says nothing to anybody."""
        self._mute(lambda frame: True)
        await self.links.stop()
        await self.server.stop(0)
        self.books.changes.stop()
        await self.engine.stop()
        self.books.database.close()

    def _mute(self, dropped: Callable[[Frame], bool]) -> None:
        """From now on these frames do not leave; nobody notices."""
        for link in self.links._links.values():
            link._write = partial(_written, dropped, link._write)

    async def _run(self, order: Order) -> Any:
        self.steps.clear()
        try:
            result = await Engine.run(self.engine, replace(order, on_step=partial(self._step, order.on_step)))
            self._step(lambda name: None, END)
            return result
        finally:
            if self.dying is not None:
                await asyncio.shield(self.dying)  # the coordinator does not hear how it ended

    def _step(self, tell: Callable[[str], None], name: str) -> None:
        self.steps.add(name)
        if name == self.dies_at and self.dying is None:
            self._mute(lambda frame: frame.step == name or frame.abort is not None)
            self.links._on_frame = lambda peer, frame: None  # from now on it hears nothing: here it stays
            self.dying = asyncio.create_task(self._die(name))
        tell(name)

    async def _die(self, step: str) -> None:
        """What was sent before has arrived once the others are here, too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST):
                while not all(step in node.steps for node in self.others()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        await self.kill()


async def _written(dropped: Callable[[Frame], bool], write: Callable[[bytes], Awaitable[None]], message: bytes) -> None:
    if frames := [frame for frame in decode(message) if not dropped(frame)]:
        await write(encode(frames))


async def _ended(task: asyncio.Task[None]) -> None:
    await task


class InProcess(SdkRunner):
    """Started by `with`."""

    kind = "in-process"
    cannot: ClassVar[dict[str, str]] = {
        "freeze": "parties that share a process cannot be stopped one by one",
        "cut": "parties that share a process share its network",
    }

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.log = root / "log.jsonl"
        self.loop = asyncio.new_event_loop()
        self.nodes: dict[str, Node] = {}
        self.coordinator: App | None = None
        self._thread = threading.Thread(target=self.loop.run_forever, name="consortium", daemon=True)

    def __enter__(self) -> Self:
        self.prepare()
        self._thread.start()
        try:
            for party in PARTIES:
                self.start(party)
            self.start(COORDINATOR)
            self._await_connected()
            self.import_everything()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 120) -> T:
        """Awaits something on the consortium's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def kill(self, name: str) -> None:
        if name == COORDINATOR:
            app, self.coordinator = self.coordinator, None
            assert app is not None
            self.run(abandon(app))
        else:
            node = self.nodes.pop(name)
            self.run(node.kill() if node.dying is None else _ended(node.dying))

    def start(self, name: str) -> None:
        if name == COORDINATOR:
            self.coordinator = self.run(self._coordinator())
            return
        node = Node(node_config.load(self.root / "nodes" / name / "node.toml"), others=self.nodes.values)
        self.run(node.start())
        self.nodes[name] = node

    def spoil(self, party: str, name: str) -> None:
        sharings = self.nodes[party].books.sharings
        shelf = sharings.get(name)
        share, hashed = sharings.vector(shelf.slot).copy(), sharings.digest(shelf.slot)
        share[0] = (int(share[0]) + 1) % P
        sharings.put(shelf.slot, share, hashed)

    def kill_at(self, party: str, step: str) -> None:
        self.nodes[party].dies_at = step

    def died(self, party: str) -> bool:
        return self.nodes[party].dying is not None

    def logs(self, name: str) -> str:
        return self.log.read_text()  # all write to one

    def close(self) -> None:
        for party in list(self.nodes):
            self.kill(party)
        if self.coordinator is not None:
            self.kill(COORDINATOR)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _coordinator(self) -> App:
        app = App(coordinator_config.load(self.root / "coordinator" / "coordinator.toml"))
        await app.start()
        return app

    def _await_connected(self) -> None:
        while any(len(node.links.connected) < len(PARTIES) - 1 for node in self.nodes.values()):
            time.sleep(0.02)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Everything that any party logs goes to one file."""
    before = structlog.get_config()
    with path.open("a", buffering=1) as file:
        structlog.configure(
            processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(file=file),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)
