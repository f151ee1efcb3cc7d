"""This project's engine alone: shares in, shares out, between processes with the peer streams of nodes.

Mutual TLS, mailboxes and driver are those of a node; there is no coordinator, policy, ledger or stored data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.inputs import Values
from benchmarks.measure import Setting
from benchmarks.systems.parties import Parties, standing
from clients.local.ports import HOST, free_ports
from clients.local.prepare import party_names
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout
from steelyard.identity.local import make_local_consortium

_MODULE: Final = "benchmarks.systems.engine_party"


@contextmanager
def stand_ready(program: str, setting: Setting, expected: Values, delay: float = 0.0) -> Iterator[Parties]:
    """Connected parties; every message takes `delay` seconds more to arrive."""
    with (
        TemporaryDirectory(prefix="steelyard-benchmark-") as folder,
        standing(_commands(Path(folder), program, setting, delay), setting, expected) as parties,
    ):
        yield parties


def _commands(folder: Path, program: str, setting: Setting, delay: float) -> list[list[str]]:
    coordinator, *addresses = (f"{HOST}:{port}" for port in free_ports(setting.parties + 1))
    nodes = dict(zip(party_names(str(setting.parties)), addresses, strict=True))
    make_local_consortium(folder, list(nodes), setting.threshold, nodes, coordinator)
    homes = {party: str(Layout(folder).home(Role.NODE, party).path) for party in nodes}
    words = [program, str(setting.size), str(delay)]
    return [[sys.executable, "-m", _MODULE, homes[party], address, *words] for party, address in nodes.items()]
