"""One running consortium of each kind, shared by all scenarios of a worker; every scenario leaves it whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cluster.contained import Contained
from tests.cluster.in_process import InProcess, logging_to
from tests.cluster.processes import Processes
from tests.cluster.runner import Runner

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
_REQUIRED = os.environ.get("STEELYARD_CONTAINERS") == "required"


def _marks(kind: str) -> list[pytest.MarkDecorator]:
    """All scenarios of one kind run in one worker, because they share a consortium."""
    named = [] if kind == "in_process" else [getattr(pytest.mark, kind)]
    if kind == "containers":
        named.append(pytest.mark.timeout(600))  # every command of a scenario starts a process in a container
    return [*named, pytest.mark.xdist_group(kind)]


LOCAL = [pytest.param(kind, marks=_marks(kind)) for kind in ("in_process", "processes")]


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    root = tmp_path_factory.mktemp("in-process")
    with logging_to(root / "log.jsonl"), InProcess(root) as runner:
        yield runner


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("processes")) as runner:
        yield runner


@pytest.fixture(scope="module")  # idle containers ask after their health all the time
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contained]:
    problem = engine_problem()
    if problem and not _REQUIRED:
        pytest.skip(problem)
    assert not problem, problem
    with Contained(tmp_path_factory.mktemp("containers")) as runner:
        yield runner


@pytest.fixture(params=[*LOCAL, pytest.param("containers", marks=_marks("containers"))])
def runner(request: pytest.FixtureRequest) -> Runner:
    found: Runner = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=LOCAL)
def local_runner(request: pytest.FixtureRequest) -> Runner:
    found: Runner = request.getfixturevalue(request.param)
    return found


@cache
def engine_problem() -> str:
    """Why no containers can be used here; empty when they can.  Starts the engine and builds the image if need be."""
    if shutil.which("docker") is None and not _REQUIRED:
        return "no Docker engine is installed"
    for script in ("docker_engine.sh", "build_image.sh"):
        try:
            done = subprocess.run([_SCRIPTS / script], capture_output=True, text=True, timeout=900, check=False)
        except subprocess.TimeoutExpired:
            return f"{script} did not end within 900 seconds"
        if done.returncode:
            return f"{script}: {done.stderr[-1000:]}"
    return ""
