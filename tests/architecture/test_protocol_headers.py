"""Every protocol says in its header what it assumes, costs and reveals, and docs/protocols.md repeats it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from architecture.source import ROOT, name


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_protocol_table", ROOT / "scripts" / "gen_protocol_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
PROTOCOLS = list(GENERATOR.protocol_files())

HEADER = '''"""Greeting: all learn something.

Model       malicious.
{}
"""
def greet() -> Protocol[int]: ...
'''
REST = ["Rounds      1.   Sends a word.", "Reveals     nothing.", "Follows     a paper.", "Differs     nothing."]


@pytest.mark.parametrize("path", PROTOCOLS, ids=name)
def test_the_header_has_every_field_in_order(path: Path) -> None:
    header = GENERATOR.header(path)
    assert tuple(header.fields) == ("Model", "Rounds", "Reveals", "Follows", "Differs")
    assert all(header.fields.values())
    assert header.rounds[0].isdigit()


def test_the_known_protocols_are_found() -> None:
    found = {path.stem for path in PROTOCOLS}
    assert found >= {"greet", "deal_inputs", "agree", "open_to_nodes", "computation"}


def test_the_page_is_up_to_date() -> None:
    assert GENERATOR.PAGE.read_text("utf-8") == GENERATOR.page(), "run scripts/gen_protocol_table.py"


@pytest.mark.parametrize("wrong", [REST[1:], REST[:-1], [*REST[1:], REST[0]], ["Rounds      1.", *REST[1:]]])
def test_a_header_of_another_form_is_refused(wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GENERATOR, "ROOT", tmp_path)
    file = tmp_path / "greet.py"
    file.write_text(HEADER.format("\n".join(REST)))
    assert GENERATOR.header(file).sends == "a word"
    file.write_text(HEADER.format("\n".join(wrong)))
    with pytest.raises(SystemExit, match=r"greet\.py"):
        GENERATOR.header(file)
