"""One MPyC party: `python -m benchmarks.systems.mpyc_party PROGRAM SIZE` and MPyC's own options.

What it says is explained in benchmarks/systems/parties.py.
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

from benchmarks.inputs import digest, operands, vector

RECEIVER: Final = 0
secint = mpc.SecInt(64)


@dataclass(frozen=True)
class Program:
    """`prepare` takes the size and makes secure values, before the clock starts; `open` is for the receiver."""

    prepare: Callable[[int], Awaitable[Any]]
    compute: Callable[[Any], Awaitable[Any]]
    open: Callable[[Any], Awaitable[Any]]
    rounds: int | None


async def own_vector(size: int) -> Any:
    """This party's own values."""
    return secint.array(vector(mpc.pid, size))


async def own_total(size: int) -> Any:
    """The sum of this party's own values."""
    return secint(int(vector(mpc.pid, size).sum()))


async def total(own: Any) -> Any:
    """What all parties bring in, added up, to the receiver."""
    parts = mpc.input(own)
    return await mpc.output(sum(parts[1:], parts[0]), receivers=[RECEIVER])


async def opened(result: Any) -> Any:
    """What was opened in computing it."""
    return result


async def shared(size: int) -> Any:
    """Both operands as shares."""
    arrays = [mpc.input(secint.array(values), senders=0) for values in operands(size)]
    for array in arrays:
        await mpc.gather(array)
    return arrays


async def product(pair: Any) -> Any:
    """Position by position, as shares."""
    left, right = pair
    await mpc.gather(result := left * right)
    return result


async def less(pair: Any) -> Any:
    """Position by position, as shares."""
    left, right = pair
    await mpc.gather(result := left < right)
    return result


async def open_shares(result: Any) -> Any:
    """To the receiver."""
    return await mpc.output(result, receivers=[RECEIVER])


PROGRAMS: Final = {
    "sum": Program(own_vector, total, opened, rounds=2),  # to share, to open
    "scalar": Program(own_total, total, opened, rounds=2),
    "multiply": Program(shared, product, open_shares, rounds=1),
    "compare": Program(shared, less, open_shares, rounds=None),
}


async def main(name: str, size: int) -> None:
    program = PROGRAMS[name]
    await mpc.start()
    prepared, result = await program.prepare(size), None
    _say({})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(
        None, sys.stdin.readline
    ):  # beside the loop, which still has bytes to send
        if line.strip() == "open":
            _say({"digest": _digest(await program.open(result))})
            continue
        await mpc.transfer(mpc.pid)  # a barrier: everybody hears from everybody
        began = time.perf_counter()
        result = await program.compute(prepared)
        _say({"seconds": time.perf_counter() - began, "rounds": program.rounds})


def _digest(output: Any) -> str:
    if mpc.pid != RECEIVER:
        return ""
    return digest(np.atleast_1d(np.asarray(output, dtype=object)).astype(np.int64))


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    mpc.run(main(sys.argv[1], int(sys.argv[2])))
