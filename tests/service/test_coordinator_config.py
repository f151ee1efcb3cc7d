"""coordinator.toml: a mistake is named with its place, paths belong to the file's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator import config
from coordinator.__main__ import main
from steelyard.errors import Invalid

GOOD = 'identity = "id"\nlisten = "127.0.0.1:1"\nstate = "state"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "coordinator.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    loaded = config.load(written(tmp_path, GOOD + "[timing]\ncomputation = 5\n"))
    assert (loaded.identity, loaded.state) == (tmp_path / "id", tmp_path / "state")
    assert (loaded.timing.computation, loaded.timing.call) == (5, 3)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD + "colour = 1\n", "colour"),
        (GOOD + "[timing]\ncomputation = 0\n", "timing.computation"),
        (GOOD + "[limits]\nattempts = 0\n", "limits.attempts"),
        (GOOD.replace('"id"', "7"), "identity"),
        ('listen = "x"', "identity"),
        ("listen = ", "TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(Invalid, match=named):
        config.load(written(tmp_path, text))


def test_the_program_ends_with_the_error_s_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.toml")]) == Invalid.exit_code
    assert "cannot be read" in capsys.readouterr().err
    assert main([]) == 2
