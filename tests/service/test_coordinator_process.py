"""The program as an operating system sees it: starts, is probed, stops in order, refuses a taken port."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steelyard.errors import Conflict
from steelyard.identity.certificates import Role
from steelyard.identity.homes import Layout
from steelyard.rpc import probe
from tests.service.fakes import make_consortium

pytestmark = pytest.mark.processes


def started(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "coordinator", "--config", str(config)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def serving(config: Path) -> bool:
    return probe.main(["--config", str(config)]) == 0


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    membership = make_consortium(tmp_path)
    identity = Layout(tmp_path).home(Role.COORDINATOR).path
    config = tmp_path / "coordinator.toml"
    listen = membership.coordinator_address
    config.write_text(f'identity = "{identity}"\nlisten = "{listen}"\nstate = "state"\n')
    process = started(config)
    try:
        while not serving(config):
            assert process.poll() is None
            time.sleep(0.1)
        second = started(config)
        assert second.wait(120) == Conflict.exit_code
        assert "in use" in second.communicate()[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        errors = process.communicate()[1]
    assert '"event": "stopping"' in errors
    assert not serving(config)
