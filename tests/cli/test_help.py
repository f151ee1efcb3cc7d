"""Help: for every command, led by an example, and quick."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clients.cli.__main__ import run
from clients.cli.front_page import COMMANDS

SUBCOMMANDS = {
    "computation": ("list", "show", "watch", "cancel", "pending", "approve", "refuse"),
    "party": ("list",),
    "data": ("import", "list", "delete"),
    "audit": ("show",),
    "ledger": ("show",),
    "local": ("up", "prepare", "status", "kill", "start", "down"),
    "pki": ("init", "token", "request", "admit", "install", "issue", "renew", "check"),
    "setoff": ("generate", "reference"),
    "manifest": ("draft", "sign", "show", "verify", "adopt"),
}
CALLS = [(name,) for name in COMMANDS] + [(name, each) for name, found in SUBCOMMANDS.items() for each in found]


@pytest.mark.parametrize("command", CALLS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr()
    name = " ".join(command)
    assert f"Usage: steelyard {name}" in shown.out
    assert shown.out.count(f"steelyard {name}") > 1
    assert shown.err == ""


def test_the_front_page_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    assert "steelyard local up" in shown


def test_the_front_page_waits_for_no_heavy_library() -> None:
    heavy = "{'grpc', 'numpy', 'numba', 'polars', 'cryptography'}"
    code = (
        f"import sys; from clients.cli.__main__ import run; run(['--help']); sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
