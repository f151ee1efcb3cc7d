"""`steelyard version`."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Final

from clients.cli.options import Json
from clients.cli.output import emit
from steelyard import __version__

_SHOWN: Final = ("grpcio", "protobuf", "cryptography", "numpy", "msgspec")


def version(*, json: Json = False) -> None:
    """Shows the versions of what is installed.

    Example: `steelyard version --json`
    """
    libraries = {name: metadata.version(name) for name in _SHOWN}
    emit({"version": __version__, "python": platform.python_version(), **libraries}, json=json)
