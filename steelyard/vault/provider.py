"""What a key-encryption key (KEK) has to do: four calls, the same for a file, a passphrase and a key service.

A KEK has versions.  New data keys are wrapped under the current one; older ones stay until nothing needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from steelyard.digest import frame


@dataclass(frozen=True, slots=True)
class Context:
    """What a wrapped key is bound to, besides the KEK's version: it opens for nothing else."""

    node: str
    unit: str

    def bound(self, version: str) -> bytes:
        """As the associated data of a cipher."""
        return frame("vault-wrapped-key", self.node.encode(), self.unit.encode(), version.encode())


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under one version of the KEK."""

    version: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Health:
    """Which version is current, and every version whose keys this provider still unwraps.

    `fixed` says why it cannot make a new one; empty when it can.
    """

    current: str
    held: frozenset[str]
    fixed: str = ""


class Provider(Protocol):
    """Callable from any thread.  Every call raises Failed or StoreFault when the KEK cannot be had."""

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        """Under the current version."""
        ...

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        """Raises StoreFault for a key of another KEK, another context, or a damaged one."""
        ...

    def rotate(self, old: Collection[str]) -> str:
        """Makes a version outside `old` current (a new one only when it must) and returns it.

        Versions in `old` stay; all others are dropped.  So `rotate({current})` begins a rotation and `rotate(())` ends
        it, and each may be repeated after a crash.
        """
        ...

    def health(self) -> Health:
        """Looks whether the KEK is there."""
        ...
