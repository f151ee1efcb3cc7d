"""What the documentation says is so: errors, codes, commands, targets, files, columns, metrics, log lines."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest
from architecture.source import ROOT, modules, name, page, parsed, texts

from clients.cli import invocation
from clients.cli.app import make_app
from clients.cli.exit_codes import EXIT_CODES
from coordinator.config import Config, Limits, Timing
from steelyard.documents.signed import Document
from steelyard.errors import SteelyardError, tree
from steelyard.identity.enrolment import Enrolment
from steelyard.privacy.policy import DatasetRule, Policy

PAGES = [path for path, _ in texts() if path.suffix == ".md" and path.parent != ROOT / "tests"]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(#[^)\s]*)?\)")
TARGET = re.compile(r"`(?:make setup && )?make ([a-z][a-z-]*)")
MENTIONED = re.compile(r"\b(?:docs|examples|scripts|deploy)/[\w./-]+\.(?:md|py|sh|toml|yaml)\b")


def documents(branch: type[Document]) -> Iterator[type[Document]]:
    for child in branch.__subclasses__():
        if child.__module__.startswith("steelyard."):  # not those that other tests make
            yield child
        yield from documents(child)


@pytest.mark.parametrize("error", sorted(tree(), key=lambda each: each.reason), ids=lambda e: e.reason)
def test_every_error_is_documented_with_its_codes_and_its_advice(error: type[SteelyardError]) -> None:
    text = page("docs/errors.md")
    assert f"| `{error.reason}` | {error.exit_code} | `{error.status}` | {error.advice} |" in text
    assert f"\n* `{error.reason}`: " in text


def test_no_error_is_documented_that_does_not_exist() -> None:
    reasons = {error.reason for error in tree()}
    assert set(re.findall(r"^(?:\||\*) `([A-Z_]+)`", page("docs/errors.md"), re.MULTILINE)) == reasons


@pytest.mark.parametrize("document", ["docs/cli.md", "docs/operations.md"])
def test_every_exit_code_is_documented(document: str) -> None:
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]+?)(?:; `STEELYARD_DEBUG.*)? \|", page(document), re.MULTILINE))
    assert rows == {str(code): meaning for code, meaning in EXIT_CODES.items()}


def commands(text: str) -> Iterator[list[str]]:
    """The lines of code blocks that call `steelyard`."""
    for block in re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r" && | ; ", line.removeprefix("$ ")):
                if part.startswith("steelyard "):
                    words = shlex.split(part, comments=True)
                    yield words[1 : words.index(">")] if ">" in words else words[1:]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_documented_command_exists_and_takes_its_options(path: object) -> None:
    for words in commands(path.read_text("utf-8")):  # type: ignore[attr-defined]
        called = invocation.read(words)
        make_app(called.command).parse_args(called.arguments, exit_on_error=False, print_error=False)


def test_the_readme_has_commands_to_try() -> None:
    assert len(list(commands(page("README.md")))) >= 6


def test_an_option_that_does_not_exist_would_be_noticed() -> None:
    (words,) = commands("```\n$ steelyard sum accounts.balance --were x\n```")
    with pytest.raises(Exception, match="--were"):
        make_app("sum").parse_args(words, exit_on_error=False, print_error=False)


def test_every_make_target_in_the_documentation_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", page("Makefile"), re.MULTILINE))
    blocks = re.findall(r"^make ([a-z][a-z-]*)", "\n".join(path.read_text("utf-8") for path in PAGES), re.MULTILINE)
    named = {*blocks, *(target for path in PAGES for target in TARGET.findall(path.read_text("utf-8")))}
    assert {"setup", "demo", "test"} <= named <= targets


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_somewhere(path: object) -> None:
    text = path.read_text("utf-8")  # type: ignore[attr-defined]
    for target, anchor in LINK.findall(text):
        if "://" in target:
            continue
        file = (path.parent / target).resolve() if target else path  # type: ignore[attr-defined]
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}, anchor


def test_every_file_that_is_mentioned_exists() -> None:
    named = {(name(path), each) for path, text in texts() for each in MENTIONED.findall(text)}
    assert {(path, each) for path, each in named if not (ROOT / each).exists()} == set()


@pytest.mark.parametrize("document", [*documents(Document), Enrolment], ids=lambda each: each.KIND)
def test_every_signed_document_is_described_field_by_field(document: type[Document]) -> None:
    section = page("docs/documents.md").split(f"\n## {document.KIND}\n")[1].split("\n## ")[0]
    rows = " ".join(re.findall(r"^\| (`.+?) \|", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == set(document.__struct_fields__)


@pytest.mark.parametrize("program", ["node", "coordinator"])
def test_every_table_and_column_is_described(program: str) -> None:
    title = program.capitalize()
    text = page("docs/data-model.md").split(f"\n## {title}\n")[1].split("\n## ")[0]
    sql = "\n".join(path.read_text() for path in sorted((ROOT / program / "migrations").glob("*.sql")))
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", sql, re.DOTALL)
    assert tables
    for table, body in tables:
        columns = [column for column in re.findall(r"^ {4}(\w+)", body, re.MULTILINE) if not column.isupper()]
        assert [each for each in (table, *columns) if f"`{each}`" not in text] == []


@pytest.mark.parametrize("struct", [Policy, DatasetRule])
def test_every_key_of_a_policy_is_described(struct: type[msgspec.Struct]) -> None:
    assert [key for key in struct.__struct_fields__ if f"| `{key}` |" not in page("docs/policy.md")] == []


@pytest.mark.parametrize("struct", [Config, Timing, Limits])
def test_every_key_of_the_coordinator_is_in_its_sample(struct: type[msgspec.Struct]) -> None:
    sample = page("deploy/config/coordinator.toml")
    assert [key for key in struct.__struct_fields__ if not re.search(rf"^\[?{key}\b", sample, re.MULTILINE)] == []


def said(*methods: str) -> set[str]:
    """First arguments of the calls `log.METHOD("...")` in the programs."""
    found = set()
    for path in modules("steelyard", "node", "coordinator"):
        for call in ast.walk(parsed(path)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in methods:
                told = call.args[0] if call.args else None
                if (
                    isinstance(told, ast.Constant)
                    and isinstance(told.value, str)
                    and "log" in ast.unparse(call.func.value)
                ):
                    found.add(told.value)
    return found


def test_every_log_line_is_explained_to_operators() -> None:
    events = said("debug", "info", "warning", "error", "exception")
    assert "ready" in events
    assert [each for each in events if f"`{each}`" not in page("docs/operations.md")] == []


def test_every_metric_is_explained_to_operators() -> None:
    kinds = {"Counter", "Gauge", "Histogram", "Summary"}
    metrics = [
        call.args[0].value
        for path in modules("steelyard", "node", "coordinator")
        for call in ast.walk(parsed(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in kinds
        if isinstance(call.args[0], ast.Constant)
    ]
    assert metrics
    assert [each for each in metrics if str(each) not in page("docs/operations.md")] == []


def test_every_audit_event_is_explained_to_operators() -> None:
    events = {
        argument.value
        for path in modules("node")
        for call in ast.walk(parsed(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("record", "_record")
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.islower()
    } - {"approved", "pending", "refused"}
    assert {"asked", "released"} <= events
    assert [each for each in events if f"`{each}`" not in page("docs/operations.md")] == []


def test_the_guarantees_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/gen_guarantees.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
