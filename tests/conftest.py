"""What all tests share: gRPC's settings, which it reads when it is first imported; and a log of their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

import steelyard.rpc  # noqa: F401
from clients.local import ports

FIRST = 5_000
PORTS = 500  # a block, for each worker

settings.register_profile("steelyard", deadline=None)  # a busy machine is no failure; pytest bounds what hangs
settings.load_profile("steelyard")
pytest.register_assert_rewrite("tests.cluster")  # scenarios are no test files, and are to say what they found


@pytest.fixture(scope="session", autouse=True)
def _ports_of_this_worker() -> Iterator[None]:
    """Nobody beside us finds a port free that we have found free, and that nobody listens on yet, or not for a while.

    Another worker or another run of the tests takes another block, for who has a block listens on its first port; and
    programs that look for ports themselves look above all blocks.
    """
    with socket.socket() as ours, pytest.MonkeyPatch.context() as patch:
        lowest = next(each for each in range(FIRST, ports.LOWEST, PORTS) if _taken(ours, each))
        patch.setattr(ports, "LOWEST", lowest + 1)
        patch.setattr(ports, "HIGHEST", lowest + PORTS)
        yield


def _taken(ours: socket.socket, port: int) -> bool:
    """Whether this socket listens there now."""
    try:
        ours.bind((ports.HOST, port))
    except OSError:
        return False
    ours.listen()
    return True


@pytest.fixture(autouse=True)
def _log_of_this_test() -> Iterator[None]:
    """A test that sets the log up (the command line does) must not leave its captured, closed stderr to the next."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
