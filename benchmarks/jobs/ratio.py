"""A whole request for encrypted ratios: keys, encryption, every node's evaluation, decryption, and what the SDK opens.

Peak memory is a node's own; its process for the encrypted computation is bound to a gigabyte of address space besides.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.measure import Sample, Setting, WrongResult
from benchmarks.processes import bytes_sent, peak_rss
from benchmarks.systems.steelyard import PREFIX, RUN_SECONDS, consortium, import_data, node_pids
from clients.sdk.client import Client

ITEMS: Final = ("current_assets", "current_liabilities", "total_assets", "total_liabilities", "equity")
ROUNDS: Final = 5
BOUND: Final = 1e-4


@dataclass(frozen=True)
class Asked:
    """A connected client of a consortium whose parties hold statements of SIZE firms each."""

    setting: Setting
    client: Client
    nodes: list[int]

    def run(self) -> Sample:
        before, began = bytes_sent(self.nodes), time.perf_counter()
        firms = self.client.ratio(["current"], timeout=RUN_SECONDS).value["firms"]
        seconds, after = time.perf_counter() - began, bytes_sent(self.nodes)
        wrong = [each for each in firms if abs(float(each["ratios"]["current"]["value"]) - _ratio(each)) > BOUND]
        if wrong or len(firms) != self.setting.parties * self.setting.size:
            raise WrongResult(f"{self.setting}: a ratio is not the one in the clear")
        sent = max(b - a for a, b in zip(before, after, strict=True)) if before and after else None
        return Sample(seconds, sent, ROUNDS, peak_rss(self.nodes))


@dataclass(frozen=True)
class RatioJob:
    name: str = "ratio"
    about: str = "one ratio of SIZE firms per party, encrypted, through a connected client"
    size: int = 100
    runs: int = 5
    systems: tuple[str, ...] = ("steelyard",)
    most: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def open(self, system: str, setting: Setting) -> Iterator[Asked]:
        with TemporaryDirectory(prefix=PREFIX) as folder, consortium(Path(folder), setting) as local:
            data = Path(folder) / "data"
            for number, party in enumerate(local.local().parties):
                _write(data / party / "statements.csv", number, setting.size)
            (data / "statements.schema.toml").write_text(_schema())
            import_data(local, data)
            with Client.from_profile(local.root) as client:
                yield Asked(setting, client, node_pids(local))


def _ratio(firm: Mapping[str, str]) -> float:
    """Of the firm called p-i: 1000 + i over 500 + p."""
    party, index = map(int, firm["subject"].split("-"))
    return (1000 + index) / (500 + party)


def _write(path: Path, party: int, size: int) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("firm", "year", *ITEMS))
        for index in range(size):
            current, due = 1000 + index, 500 + party
            table.writerow((f"{party}-{index}", 2024, current, due, 2 * current, due, 2 * current - due))


def _schema() -> str:
    items = "".join(f'\n[columns.{name}]\ntype = "decimal"\ndecimals = 2\n' for name in ITEMS)
    return f'[columns.firm]\ntype = "text"\n\n[columns.year]\ntype = "integer"\n{items}'


JOB: Final = RatioJob()
