"""`python -m unit.full_disk FOLDER full|read-only|limited`: what a node does on a disk that really takes nothing more.

FOLDER is a small file system of its own, unless writes are `limited` by the kernel for this process.  Ends with 0 and
a line for each thing that was seen; any other ending is a failure.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from protocols.vaults import NOW, SHARING, Holders, values
from unit.vaults import Place

from node.sharings import Sharings
from steelyard.epochs.change import Slot
from steelyard.epochs.machine import Machine
from steelyard.errors import Failed
from steelyard.field import Vector
from steelyard.vault.vault import Vault

MANY = 50_000  # values of a share


@contextmanager
def full(folder: Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                print("the disk says:", error.strerror)
    yield
    filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may have a file of it open for writing: this is what a node finds when it starts."""
    mount = shutil.which("mount") or "/bin/mount"
    subprocess.run([mount, "-o", "remount,ro", str(folder)], check=True)
    yield
    subprocess.run([mount, "-o", "remount,rw", str(folder)], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[None]:
    """No file may grow, which takes no privilege; the error is another than that of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


TROUBLES = {"full": full, "limited": limited}


def story(folder: Path, trouble: str) -> None:
    holders, place = Holders(2, 3, values(MANY)), Place(folder)
    party, base = holders.parties[0], holders.base
    old, new = holders.share_of(party), np.arange(MANY, dtype=np.uint64)
    slot = Slot(SHARING, base.epoch, base.attempt)
    change = holders.change("refresh", holders.committee, holders.committee, holders.parties)

    def machine_of(vault: Vault) -> tuple[Sharings, Machine]:
        store = Sharings(vault._database, vault)
        return store, Machine(party, holders.signing[party], holders.keys, holders.points, store)

    def is_there(store: Sharings, share: Vector | None) -> bool:
        return bool(np.array_equal(store.vector(slot), share))

    with place.opened() as vault:
        store, machine = machine_of(vault)
        store.save(holders.stores[party].records[SHARING])
        store.put(slot, old, "77" * 32)
        machine.start(change, NOW)
        with TROUBLES[trouble](folder) if trouble in TROUBLES else nullcontext():
            if trouble in TROUBLES:
                refused("a new share", lambda: store.put(change.slot, new, "88" * 32))
                refused("a rotation", vault.rotate)
            require(not store.digest(change.slot), "half a share counts for nothing")
            require(is_there(store, old), "the old share is read")
        require(is_there(store, old), "the old share is whole afterwards")
    if trouble not in TROUBLES:
        before = contents(folder)
        with read_only(folder):
            refused("a start", lambda: begin(place))
        require(contents(folder) == before, "no file is another one")
    with place.opened() as vault:
        store, machine = machine_of(vault)
        machine.sweep(SHARING)
        require(machine.record(SHARING).undecided is None, "the attempt is given up at the next start")
        require(is_there(store, old) and not list(vault.faults(verify=True)), "nothing is damaged")
        store.put(change.slot, new, "88" * 32)
        require(store.digest(change.slot) == "88" * 32, "and there is room again")


def begin(place: Place) -> None:
    with place.opened():
        pass


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


def refused(what: str, action: Callable[[], object]) -> None:
    try:
        action()
    except Failed as error:
        print(f"{what} is refused:", getattr(error, "inside", "") or error.message)
        return
    require(False, f"{what} is refused")


def require(truth: bool, what: str) -> None:
    print(what if truth else f"NOT SO: {what}", flush=True)
    if not truth:
        raise SystemExit(1)


if __name__ == "__main__":
    story(Path(sys.argv[1]), sys.argv[2])
