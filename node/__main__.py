"""`python -m node --config node.toml`"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from node.app import run
from node.config import load
from steelyard.errors import SteelyardError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m node", description="Runs one party's node.")
    parser.add_argument("--config", type=Path, required=True, help="the node's node.toml")
    try:
        asyncio.run(run(load(parser.parse_args().config)))
    except SteelyardError as error:
        sys.stderr.write(f"{error.reason}: {error.message}\n{error.advice}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
