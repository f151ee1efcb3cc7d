"""The tree as the architecture tests see it: its own files, without environments, caches and build results."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("steelyard", "node", "coordinator", "clients")
FOLDERS = (*PROGRAMS, "benchmarks", "deploy", "docs", "examples", "protos", "scripts", "tests", ".ci")
GENERATED = ROOT / "steelyard" / "v1"


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project."""
    top = [path for path in ROOT.iterdir() if path.is_file()]
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    return tuple(sorted(path for path in [*top, *below] if "__pycache__" not in path.parts))


@cache
def texts() -> tuple[tuple[Path, str], ...]:
    """Every text file with its text."""
    read = ((path, path.read_bytes()) for path in files())
    return tuple((path, data.decode("utf-8", "replace")) for path, data in read if b"\0" not in data)


def modules(*folders: str) -> list[Path]:
    """Python files that people wrote, in these folders or everywhere."""
    written = [path for path in files() if path.suffix == ".py" and path.parent != GENERATED]
    return [path for path in written if not folders or path.relative_to(ROOT).parts[0] in folders]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (each for each in ast.walk(parsed(path)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def name(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def page(path: str) -> str:
    return (ROOT / path).read_text("utf-8")
