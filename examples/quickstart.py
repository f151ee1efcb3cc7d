"""Ask a running consortium for a total from Python.

steelyard local up --dir d --parties 4 --threshold 2 --data examples/balances
python examples/quickstart.py d
steelyard local down --dir d
"""

from __future__ import annotations

import sys

from clients.sdk import Client, Result
from steelyard.errors import SteelyardError


def main(profile: str) -> int:
    with Client.from_profile(profile) as client:
        try:
            everybody = client.sum("accounts.balance", purpose="a first look")
            by_segment = client.count("accounts.balance", group_by="segment")
        except SteelyardError as error:
            sys.stderr.write(f"{error.reason}: {error.message}\n{error.advice}\n")
            return error.exit_code
    show(everybody, by_segment)
    return 0


def show(everybody: Result, by_segment: Result) -> None:
    out = sys.stdout.write
    out(f"The banks {', '.join(everybody.parties)} hold {everybody.total} together.\n")
    for group in by_segment.groups:
        out(f"  {group.name}: {'suppressed' if group.suppressed else group.value} accounts\n")
    out("What the first figure revealed, and to whom:\n")
    for leak in everybody.leakage:
        out(f"  {leak.what} -> {leak.to}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "d"))
