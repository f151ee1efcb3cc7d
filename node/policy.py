"""This node's policy file: what `steelyard.privacy.policy` understands, read anew for every request."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog

from steelyard.errors import Invalid, PolicyRefused
from steelyard.privacy.policy import Policy, parse

MAX_BYTES: Final = 1 << 20

_log = structlog.get_logger(__name__)


def load(path: Path) -> Policy:
    """The policy in a file.  Raises Invalid, naming the file and the key."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise Invalid(f"{path.name}: larger than {MAX_BYTES} bytes")
        return parse(text.decode("utf-8"))
    except OSError as error:
        raise Invalid(f"{path.name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Invalid(f"{path.name}: not UTF-8 text") from None
    except Invalid as error:
        raise Invalid(
            error.message if error.message.startswith(path.name) else f"{path.name}: {error.message}"
        ) from None


class PolicyFile:
    """The owner's file, read at every request: a change takes effect at once, a broken file allows nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], Policy] | None = None  # what the file was when it was read last

    def read(self) -> Policy:
        """Raises PolicyRefused if the file is missing or broken; why is in this node's log only."""
        try:
            stamp = _stamp(self._path)
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, load(self._path)
            return self._read[1]
        except Invalid as error:
            _log.error("policy_unreadable", problem=error.message)
            raise PolicyRefused("the owner's policy cannot be read, so every request is refused") from None


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes whenever the file does."""
    try:
        status = path.stat()
    except OSError as error:
        raise Invalid(f"{path.name}: cannot be read ({error.strerror})") from None
    return status.st_mtime_ns, status.st_size, status.st_ino
