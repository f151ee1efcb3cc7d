"""What lies on a node's disk: nothing that was imported, in no form it could be found in."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.in_process import InProcess
from tests.cluster.runner import PARTIES
from tests.disk import contents

NAMES = {party: f"Zyx-Marker-{number}-wvU" for number, party in enumerate(PARTIES)}
CENTS = {party: 77_712_345_678_901 + 1_000_003 * number for number, party in enumerate(PARTIES)}
ROWS = 6  # each with the marker, so that compression would show it once at least

FORBIDS = """
import ctypes, os, resource
from node.uploads import memory_file
from steelyard.rpc import memory
if os.geteuid() == 0:
    os.setuid(65534)
memory.forbid_dumps()
with memory_file() as (file, path):
    file.write(b"found"); file.flush()
    print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), path.read_bytes().decode())
"""


def forms(party: str) -> list[bytes]:
    """How the values of a party could stand in a file."""
    name, cents = NAMES[party].encode(), CENTS[party]
    numbers = [cents.to_bytes(8, order) for order in ("little", "big")]
    texts = [str(cents).encode(), f"{cents // 100}.{cents % 100:02d}".encode()]
    return [name, NAMES[party].encode("utf-16-le"), base64.b64encode(name)[:-2], name.hex().encode(), *numbers, *texts]


def hits(folder: Path) -> list[tuple[str, bytes]]:
    found = {str(each.relative_to(folder)): data for each, data in contents(folder).items()}
    wanted = [form for party in PARTIES for form in forms(party)]
    return [(file, form) for file, content in found.items() for form in wanted if form in content]


def table(party: str) -> Iterator[str]:
    yield "name,amount"
    for row in range(ROWS):
        cents = CENTS[party]
        yield f"{NAMES[party]},{cents // 100}.{cents % 100:02d}" if row < ROWS - 1 else "last,1.00"


def test_no_file_of_any_node_holds_a_value_that_was_imported(in_process: InProcess, tmp_path: Path) -> None:
    for party in PARTIES:
        file = tmp_path / f"{party}.csv"
        file.write_text("\n".join(table(party)) + "\n")
        with in_process.owned(party) as owner:
            owner.import_dataset(file, "marked")
    assert len(hits(tmp_path)) >= 2 * len(PARTIES)  # the scan sees what there is to see
    assert hits(in_process.root.parent) == []
    total = in_process.ask("sum", "marked.amount").result["total"]
    assert int(total.replace(".", "")) == sum(CENTS.values()) * (ROWS - 1) + 100 * len(PARTIES)
    with in_process.owned("bank-a") as owner:
        shown = owner.show_dataset("marked", 1)
        assert shown.rows == ((NAMES["bank-a"], f"{CENTS['bank-a'] // 100}.{CENTS['bank-a'] % 100:02d}"),)
        assert owner.rotate_vault().rewrapped >= 2
        status = owner.vault(verify=True)
        assert (status.faults, len(status.versions)) == ((), 1)
        assert owner.show_dataset("marked", 0).rows[-1] == ("last", "1.00")
    assert hits(in_process.root.parent) == []
    for party in PARTIES:
        with in_process.owned(party) as owner:
            owner.delete_dataset("marked")


def test_the_scan_would_see_what_lies_open(tmp_path: Path) -> None:
    (tmp_path / "open").write_bytes(b"x" + CENTS["bank-a"].to_bytes(8, "little"))
    assert len(hits(tmp_path)) == 1


def test_a_node_leaves_no_core_file_and_still_reads_its_uploads() -> None:
    done = subprocess.run([sys.executable, "-c", FORBIDS], capture_output=True, text=True, check=True, timeout=180)
    assert done.stdout.strip() == "(0, 0) 0 found"
