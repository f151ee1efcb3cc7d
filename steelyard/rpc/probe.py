"""`python -m steelyard.rpc.probe --config FILE`: exit 0 when the program of that file says SERVING, for health checks.

It calls the program over mutual TLS under the program's own identity, on this machine, and trusts only the very key
that this identity holds.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Final

import grpc
import msgspec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from steelyard import records
from steelyard.errors import Failed, Invalid, SteelyardError
from steelyard.identity import addresses
from steelyard.rpc import channel, status, tls
from steelyard.rpc.server import is_serving
from steelyard.rpc.tls import Endpoint

TIMEOUT: Final = 3.0  # seconds
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what is replaced, not bound


class _Program(msgspec.Struct):
    """The two keys that node.toml and coordinator.toml share; others do not matter here."""

    listen: str
    identity: str


def probe(config: Path, timeout: float = TIMEOUT) -> None:
    """Returns when the program is SERVING; raises a SteelyardError that says what is wrong otherwise."""
    try:
        program = records.from_plain(tomllib.loads(config.read_text()), _Program)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, records.DecodeError):
        raise Invalid(f"{config} is no configuration of a node or a coordinator") from None
    check(program.listen, config.parent / program.identity, timeout)


def check(listen: str, home: Path, timeout: float = TIMEOUT) -> None:
    """As `probe`, for a program that listens on `listen` under the identity in `home`."""
    host, port = addresses.split(listen)
    host = _EVERYWHERE.get(host, host)
    names = tls.own_names(home)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    endpoint = Endpoint("this program", address, tls.own_pin(home), names[0] if names else "")
    with channel.open_blocking(home, endpoint, timeout) as opened:
        try:
            response = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError as error:
            raise status.from_rpc_error(error, endpoint.who) from None
    if not is_serving(response):
        raise Failed("this program is not serving")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write("usage: python -m steelyard.rpc.probe --config FILE\n")
        return 2
    try:
        probe(Path(arguments[1]))
    except SteelyardError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
