"""Generates the table of docs/guarantees.md from steelyard.epochs.committee; `--check` says whether it is up to date.

python scripts/gen_guarantees.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from steelyard.epochs.committee import liars_for, needs

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "guarantees.md"
BEGIN: Final = "<!-- made by scripts/gen_guarantees.py -->"
END: Final = "<!-- end -->"
SHAPES: Final = [(n, k) for n in range(2, 8) for k in range(2, n + 1)]
COLUMNS: Final = ("open", "open, lies noticed", "open, lies corrected", "multiply", "refresh", "recover", "audit")


def table() -> str:
    """One row for every n up to 7, k, and number of liars that a change can reckon with."""
    head = ["n", "k", "liars b", *COLUMNS, "leave or join (old holders)", "give up an undecided change"]
    lines = [f"| {' | '.join(head)} |", f"|{' ---: |' * len(head)}"]
    for n, k in SHAPES:
        for liars in range(liars_for(n, k, k - 1) + 1):
            found = needs(n, k, liars)
            cells = [found[each].up for each in (*COLUMNS, "reshare", "give up")]
            row = [str(n), str(k), str(liars), *("-" if each is None else str(each) for each in cells)]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    text = PAGE.read_text("utf-8")
    if not parser.parse_args().check:
        PAGE.write_text(page(text), "utf-8")
    elif text != page(text):
        raise SystemExit("docs/guarantees.md is out of date: run scripts/gen_guarantees.py")


if __name__ == "__main__":
    main()
