"""The command tree as it really is: every command explains itself by an example, and every page of help opens."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from cyclopts import App

from clients.cli import invocation
from clients.cli.app import make_app
from clients.cli.front_page import COMMANDS


def leaves(app: App, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every command with its docstring."""
    below = [each for each in app if not each.startswith("-")]
    for each in below:
        yield from leaves(app[each], (*path, each))
    if not below:
        yield path, (app.default_command.__doc__ or "") if app.default_command else ""


# Each from a tree of its own, as when it is called: another tree gives the shared App its one line of the front page.
FOUND = dict(found for each in COMMANDS for found in leaves(make_app(each)[each], (each,)))


def test_every_command_of_the_front_page_is_in_the_tree() -> None:
    assert {path[0] for path in FOUND} == set(COMMANDS)
    assert {("pki", "renewal"), ("local", "up"), ("sum",)} <= set(FOUND)


@pytest.mark.parametrize("path", FOUND, ids=" ".join)
def test_the_docstring_holds_an_example_of_this_very_command(path: tuple[str, ...]) -> None:
    examples = re.findall(r"`(steelyard [^`]+)`", FOUND[path])
    assert [each for each in examples if each.startswith(f"steelyard {' '.join(path)}")]


@pytest.mark.parametrize("path", FOUND, ids=" ".join)
def test_the_example_is_one_that_the_command_takes(path: tuple[str, ...]) -> None:
    for example in re.findall(r"`(steelyard [^`]+)`", FOUND[path]):
        called = invocation.read(shlex.split(" ".join(example.split(" > ")[0].split()))[1:])
        make_app(called.command).parse_args(called.arguments, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("path", FOUND, ids=" ".join)
def test_the_first_line_of_the_docstring_is_a_sentence(path: tuple[str, ...]) -> None:
    first = " ".join(FOUND[path].split("\n\n")[0].split())
    assert first.endswith(".")
    assert first[0].isupper()
