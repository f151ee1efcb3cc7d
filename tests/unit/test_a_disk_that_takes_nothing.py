"""A disk that is really full, or read-only: nothing is overwritten, the reason is said, and room is all it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIZE = "4m"


def played(folder: Path, trouble: str, *before: str) -> str:
    done = subprocess.run(
        [*before, sys.executable, "-B", "-m", "unit.full_disk", str(folder), trouble],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize(
    ("trouble", "said"), [("full", "the disk is full: free some space"), ("read-only", "Read-only file system")]
)
def test_a_file_system_without_room(tmp_path: Path, trouble: str, said: str) -> None:
    """In name spaces of the test's own, for which most systems ask no privilege."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = f'mount -t tmpfs -o size={SIZE} tmpfs {folder} && exec "$@"'
    spaces = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*spaces, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount in a name space of his own")
    assert said in played(folder, trouble, *spaces)


def test_a_disk_that_lets_no_file_grow(tmp_path: Path) -> None:
    assert "is refused" in played(tmp_path, "limited")
