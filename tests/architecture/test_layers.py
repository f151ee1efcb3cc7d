"""Who may import what, statically and at run time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from architecture.source import ROOT

OPENS_SHARES = (
    "steelyard.field",
    "steelyard.sharing",
    "steelyard.secret",
    "steelyard.protocols",
    "steelyard.functions",
    "steelyard.privacy",
    "steelyard.tables",
    "numpy",
    "numba",
    "polars",
)


def loaded_by(statement: str) -> set[str]:
    """The modules of a fresh process after a statement."""
    code = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def among(forbidden: tuple[str, ...], loaded: set[str]) -> set[str]:
    return {each for each in loaded if any(each == one or each.startswith(f"{one}.") for one in forbidden)}


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache", "--no-logo"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_running_coordinator_has_nothing_that_opens_a_share() -> None:
    loaded = loaded_by("import coordinator.app, coordinator.__main__")
    assert "coordinator.scheduler" in loaded
    assert among(OPENS_SHARES, loaded) == set()


def test_a_running_node_has_it_all() -> None:
    """The counterpart: the test above would notice."""
    assert among(OPENS_SHARES, loaded_by("import node.app")) >= {"steelyard.field", "steelyard.secret", "numpy"}


@pytest.mark.parametrize("package", ["steelyard.field", "steelyard.protocols", "steelyard.functions"])
def test_the_package_needs_no_network_library(package: str) -> None:
    assert among(("grpc", "google"), loaded_by(f"import {package}")) == set()


def test_a_whole_protocol_runs_without_a_network_library() -> None:
    loaded = loaded_by("import steelyard.functions.catalogue, steelyard.functions.opening, steelyard.rounds")
    assert among(("grpc", "google"), loaded) == set()


def test_asking_for_help_loads_no_network_library() -> None:
    assert among(("grpc", "google", "numpy", "polars"), loaded_by("import clients.cli.__main__")) == set()
