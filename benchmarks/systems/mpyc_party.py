"""One MPyC party: `python -m benchmarks.systems.mpyc_party PROGRAM SIZE` and MPyC's own options.

Says {} when connected, then runs the program once for every line on stdin and answers with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from mpyc.runtime import mpc

from benchmarks.inputs import Values, vector
from benchmarks.systems.mpyc import digest

RECEIVER: Final = 0
secint = mpc.SecInt(64)


@dataclass(frozen=True)
class Program:
    """`prepare` makes the party's own secure values, before the clock starts; `compute` has `rounds` rounds."""

    prepare: Callable[[Values], Any]
    compute: Callable[[Any], Awaitable[Any]]
    rounds: int


async def total(own: Any) -> Any:
    """What all parties bring in, added up, to the receiver."""
    parts = mpc.input(own)
    return await mpc.output(sum(parts[1:], parts[0]), receivers=[RECEIVER])


PROGRAMS: Final = {
    "sum": Program(secint.array, total, rounds=2),  # to share, to open
    "scalar": Program(lambda values: secint(int(values.sum())), total, rounds=2),
}


async def main(name: str, size: int) -> None:
    program = PROGRAMS[name]
    own = program.prepare(vector(mpc.pid, size))
    await mpc.start()
    _say({})
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):  # beside the loop, which still has bytes to send
        await mpc.transfer(mpc.pid)  # a barrier: everybody hears from everybody
        began = time.perf_counter()
        output = await program.compute(own)
        seconds = time.perf_counter() - began
        _say({"seconds": seconds, "rounds": program.rounds, "digest": _digest(output)})


def _digest(output: Any) -> str:
    if mpc.pid != RECEIVER:
        return ""
    return digest(np.atleast_1d(np.asarray(output, dtype=object)).astype(np.int64))


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    mpc.run(main(sys.argv[1], int(sys.argv[2])))
