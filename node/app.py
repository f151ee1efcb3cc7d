"""Wires a node together, runs it until it is told to stop, and stops it in order."""

from __future__ import annotations

import asyncio
from functools import partial

import structlog
from prometheus_client import start_http_server

from node.authorisation import ROLES
from node.books import Books
from node.config import NodeConfig
from node.engine import Engine
from node.handover import Handover
from node.peers import links_of, peer_service
from node.service import NodeService
from node.sessions import Sessions
from node.settlement import keep_settling, settle
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.identity import addresses
from steelyard.identity.homes import Home
from steelyard.rpc import memory
from steelyard.rpc.authorisation import Authorise
from steelyard.rpc.log import as_json
from steelyard.rpc.server import Server, Service, until_told_to_stop
from steelyard.v1 import node_pb2_grpc

log = structlog.get_logger(__name__)


async def run(config: NodeConfig, crash_point: Hook = pass_by) -> None:
    """Serves until SIGTERM or SIGINT; raises what keeps it from starting.  Tests pass a hook that kills it."""
    as_json(config.log_level)
    memory.forbid_dumps()
    books, home = Books.open(config, crash_point), Home(config.identity)
    sessions = Sessions()
    links = links_of(books.party, books.membership, home.path, sessions)
    engine = Engine(books, sessions, links, config.round_seconds, config.attempts_at_once)
    services: list[Service] = [
        partial(node_pb2_grpc.add_NodeServiceServicer_to_server, NodeService(books, engine, links, home, config.state)),
        peer_service(links, Handover.of(books, home.path)),
    ]
    server = Server(config.listen, home.path, Authorise(books.membership, ROLES, books.party), services)
    _serve_metrics(config)
    memory.settle()
    await server.start()
    links.start()
    log.info("ready", party=books.party, listen=config.listen, manifest=books.membership.digest)
    watching = [
        asyncio.create_task(keep_settling(books)),
        asyncio.create_task(books.health.keep_looking(server.serving)),
    ]
    await until_told_to_stop()
    for task in watching:
        task.cancel()
    books.changes.stop()
    await engine.stop()
    await links.stop()
    await server.stop()
    settle(books)
    books.database.close()


def _serve_metrics(config: NodeConfig) -> None:
    if config.metrics:
        host, port = addresses.split(config.metrics)
        start_http_server(port, host)
