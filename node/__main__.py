"""`python -m node --config node.toml`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from node.app import run
from node.config import load
from steelyard import heap
from steelyard.errors import SteelyardError, StoreFault
from steelyard.rpc import event_loop


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m node", description="Runs one party's node.")
    parser.add_argument("--config", type=Path, required=True, help="the node's node.toml")
    heap.keep()
    try:
        event_loop.run(run(load(parser.parse_args().config)))
    except StoreFault as error:  # here it is the operator who reads
        sys.stderr.write(f"{error.reason}: {error.inside}\nNothing was changed; docs/operations.md says what to do.\n")
        return error.exit_code
    except SteelyardError as error:
        sys.stderr.write(f"{error.reason}: {error.message}\n{error.advice}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
