"""Free ports on the loopback, from below the range that the system hands out to outgoing connections.

A port from that range could be taken by somebody's connection while its node is down, and the node could not come back.
"""

from __future__ import annotations

import socket
from typing import Final

from steelyard.errors import Conflict, Invalid, Overloaded
from steelyard.randomness import token

HOST: Final = "127.0.0.1"
LOWEST: Final = 15_000
HIGHEST: Final = 32_000
_TRIES: Final = 2_000


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on now; raises Overloaded when there are none."""
    found: set[int] = set()
    for _ in range(_TRIES):
        port = LOWEST + int.from_bytes(token(4), "little") % (HIGHEST - LOWEST)
        if port not in found and is_free(port):
            found.add(port)
        if len(found) == count:
            return sorted(found)
    raise Overloaded("there are not enough free ports on this machine")


def consecutive_ports(first: int, count: int) -> list[int]:
    """`count` ports from `first` on; raises Conflict when one of them is taken."""
    if not 1024 <= first <= 65_535 - count:
        raise Invalid(f"the first port lies between 1024 and {65_535 - count}")
    ports = list(range(first, first + count))
    taken = [str(port) for port in ports if not is_free(port)]
    if taken:
        raise Conflict(f"somebody listens on port {', '.join(taken)} already")
    return ports


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of connections that ended are free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
