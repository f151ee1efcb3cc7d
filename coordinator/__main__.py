"""`python -m coordinator --config FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from coordinator import config
from coordinator.app import run
from steelyard.errors import SteelyardError
from steelyard.rpc import event_loop, log


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write("usage: python -m coordinator --config FILE\n")
        return 2
    try:
        loaded = config.load(Path(arguments[1]))
        log.as_json(loaded.log_level)
        event_loop.run(run(loaded))
    except SteelyardError as error:
        sys.stderr.write(f"{error.reason}: {error.message}\n{error.advice}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
