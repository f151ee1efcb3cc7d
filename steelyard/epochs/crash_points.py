"""The places where a program may be killed in a test, by name: before and after every step that a restart must mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Hook = Callable[[str], None]

NODE: Final = (
    "start.before", "start.saved", "stage.before", "stage.durable", "prepare.before", "prepare.saved", "abort.before",
    "abort.saved", "unlock.before", "unlock.saved", "commit.before", "commit.saved", "abandon.before", "abandon.saved",
    "erase.before", "erase.done", "stale.before", "stale.saved", "recover.before", "recover.durable", "recover.saved",
)  # fmt: skip
COORDINATOR: Final = ("collect.before", "collect.done", "deliver.before", "deliver.between", "deliver.done")
NAMES: Final = (*NODE, *COORDINATOR)


def pass_by(name: str) -> None:
    """The hook of a program that nobody tests: nothing happens."""
