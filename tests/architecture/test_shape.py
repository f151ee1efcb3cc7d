"""Files and functions stay small, and are named by what they hold."""

from __future__ import annotations

import ast

from architecture.source import PROGRAMS, functions, modules, name, parsed

MAX_FILE = 400
MAX_BODY = 50
JUNK = {"utils", "util", "helpers", "helper", "common", "misc", "base", "shared", "lib"}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement that is not the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE} == {}


def test_no_file_is_named_by_what_it_could_not_decide() -> None:
    assert [name(path) for path in modules() if path.stem in JUNK] == []


def test_no_function_has_a_body_of_more_than_50_lines() -> None:
    long = {
        f"{name(path)}:{function.name}": lines
        for path in modules()
        for function in functions(path)
        if (lines := body_lines(function)) > MAX_BODY
    }
    assert long == {}


def test_every_module_says_what_it_is() -> None:
    silent = [name(path) for path in modules(*PROGRAMS, "benchmarks", "scripts") if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_the_measure_counts_statements_and_not_the_docstring() -> None:
    made = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n\n    return x\n').body[0]
    assert isinstance(made, ast.FunctionDef)
    assert body_lines(made) == 3
