"""Generates docs/protocols.md from the headers of the protocol files; `--check` only says whether it is up to date.

    python scripts/gen_protocol_table.py

A protocol file is one in steelyard/protocols or steelyard/functions with a public generator of rounds.  Its docstring
is a sentence, an empty line, and the fields below in this order, continued on indented lines.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "protocols.md"
FOLDERS: Final = ("steelyard/functions", "steelyard/protocols")
FIELDS: Final = ("Model", "Rounds", "Reveals", "Follows", "Differs")

_FIELD: Final = re.compile(r"([A-Z][a-z]+) {2,}(\S.*)")
_INTRODUCTION: Final = """\
# Protocols

Made by `scripts/gen_protocol_table.py` from the headers of the protocol files; a test fails when the two differ.

n is the number of nodes that take part, k the threshold, b = k-1 how many of them may lie. A vector is one value for
each cell (the total, a group, a position) and layer (sums, numbers of rows) that is asked for. What a *request*
reveals, all protocols together, is its leakage statement (`steelyard/functions/leakage.py`): owners see it before they
approve, requesters with the result.
"""


@dataclass(frozen=True)
class Header:
    """One protocol file in its own words; `title` and `summary` are the two halves of the first sentence."""

    path: str
    title: str
    summary: str
    fields: dict[str, str]

    @property
    def rounds(self) -> str:
        return self.fields["Rounds"].partition("Sends")[0].strip(" .")

    @property
    def sends(self) -> str:
        return self.fields["Rounds"].partition("Sends")[2].strip(" .")


def protocol_files() -> Iterator[Path]:
    """Every file with a public function that returns a `Protocol`."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.py")):
            if any(map(_is_protocol, ast.parse(path.read_text("utf-8")).body)):
                yield path


def header(path: Path) -> Header:
    """Reads one file; raises SystemExit, naming it, when its header has another form."""
    name = path.relative_to(ROOT).as_posix()
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first, _, rest = docstring.partition("\n\n")
    title, colon, summary = " ".join(first.split()).partition(": ")
    fields = _fields(rest)
    if not colon or tuple(fields) != FIELDS or "Sends" not in fields["Rounds"]:
        raise SystemExit(
            f"{name}: a header is `Name: what it does.`, then {', '.join(FIELDS)}; Rounds says what it Sends"
        )
    return Header(name, title, summary, fields)


def page() -> str:
    """The whole text of docs/protocols.md."""
    headers = [header(path) for path in protocol_files()]
    lines = [_INTRODUCTION, "| protocol | rounds | sends | reveals |", "| --- | --- | --- | --- |"]
    for each in headers:
        cells = (f"[{each.title}](#{_anchor(each.title)})", each.rounds, each.sends, each.fields["Reveals"])
        lines.append(f"| {' | '.join(cells)} |")
    for each in headers:
        lines += ["", f"## {each.title}", "", f"[`{each.path}`](../{each.path}): {each.summary}", ""]
        lines += [f"* **{field}**: {text}" for field, text in each.fields.items()]
    return "\n".join(lines) + "\n"


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if match := _FIELD.fullmatch(line):
            last = match[1]
            found[last] = match[2]
        elif last and line.startswith(" "):
            found[last] += f" {line.strip()}"
        elif line.strip():
            break
    return {field: " ".join(words.split()) for field, words in found.items()}


def _is_protocol(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.FunctionDef)
        and not statement.name.startswith("_")
        and statement.returns is not None
        and ast.unparse(statement.returns).startswith("Protocol[")
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page(), "utf-8")
    elif PAGE.read_text("utf-8") != page():
        raise SystemExit("docs/protocols.md is out of date: run scripts/gen_protocol_table.py")


if __name__ == "__main__":
    main()
