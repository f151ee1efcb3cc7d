"""A training run as it goes: one line for each look at the test rows, as the node that is furthest tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clients.cli.output import note

if TYPE_CHECKING:
    from clients.sdk.results import Computation

_HEAD: Final = ("sum", "step", "loss", "AUC", "parties", "seconds", "sent", "epsilon left")
_FORM: Final = "{:>5}  {:<18}  {:>8}  {:>8}  {:>7}  {:<40}  {:>8}  {:>12}"


@dataclass(slots=True)
class RoundTable:
    """`show` is called at every change; lines go to stderr."""

    last: int = 0
    begun: bool = field(default=False, init=False)

    def show(self, computation: Computation) -> None:
        lines = [each.training for each in computation.parties if each.training is not None]
        newest = max(lines, key=lambda line: int(line["number"]), default=None)
        if newest is None or newest["number"] <= self.last:
            return
        if not self.begun:
            note(_FORM.format(*_HEAD))
            self.begun = True
        self.last = newest["number"]
        note(_FORM.format(*_cells(newest)).rstrip())


def _cells(line: dict[str, Any]) -> list[str]:
    longest = sorted(line["seconds"].items(), key=lambda item: -item[1])[:3]
    shown = [
        str(line["number"]),
        f"{line['step']}{' (kept)' if line.get('resumed') else ''}",
        _number(line.get("loss")),
        _number(line.get("auc")),
        str(line["parties"]),
        " ".join(f"{name} {seconds:.2f}" for name, seconds in longest),
        _bytes(line["sent"]),
        _number(line.get("epsilon_left")),
    ]
    return [each[:40] for each in shown]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
