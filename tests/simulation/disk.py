"""`Disk`: a store in memory that loses what was not synced when its node dies, and tears what was being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from simulation.dice import Dice

from steelyard.epochs.change import Slot
from steelyard.epochs.record import Record


@dataclass
class Content:
    records: dict[str, Record] = field(default_factory=dict)
    claims: frozenset[str] = frozenset()
    shares: dict[Slot, tuple[bytes, str]] = field(default_factory=dict)  # content and digest; none of half a share

    def copy(self) -> Content:
        return replace(self, records=dict(self.records), shares=dict(self.shares))


Write = Callable[[Content], None]


class Disk:
    """Implements `Store`.  `crash_point` is passed between a write and its sync."""

    def __init__(self, crash_point: Callable[[str], None]) -> None:
        self.now = Content()  # as programs see it
        self.durable = Content()  # as it would be after a power cut
        self._pending: list[tuple[Write, Slot | None]] = []
        self._crash_point = crash_point

    def load(self, sharing: str) -> Record | None:
        return self.now.records.get(sharing)

    def save(self, record: Record, *claims: str) -> None:
        def write(content: Content) -> None:
            content.records[record.sharing] = record
            content.claims |= set(claims)

        self._write(write)

    def used(self, claim: str) -> bool:
        return claim in self.now.claims

    def digest(self, slot: Slot) -> str:
        return self.now.shares.get(slot, (b"", ""))[1]

    def held(self, sharing: str) -> Iterable[Slot]:
        return [slot for slot in self.now.shares if slot.sharing == sharing]

    def erase(self, slot: Slot) -> None:
        self._write(lambda content: content.shares.pop(slot, None) and None)

    def stage(self, slot: Slot, share: bytes, digest: str) -> None:
        def write(content: Content) -> None:
            content.shares[slot] = (share, digest)

        self._crash_point("stage.before")
        self._write(write, slot)
        self._crash_point("stage.durable")

    def share(self, slot: Slot) -> bytes:
        return self.now.shares[slot][0]

    def sync(self) -> None:
        for write, _ in self._pending:
            write(self.durable)
        self._pending.clear()

    def fail(self, dice: Dice) -> None:
        """The power goes: some of what was not synced is lost, the first lost write may be half there."""
        for write, slot in self._pending:
            if dice.chance(500):
                write(self.durable)
                continue
            if slot is not None and dice.chance(500):
                self.durable.shares[slot] = (b"", "")
            break
        self._pending.clear()
        self.now = self.durable.copy()

    def become(self, content: Content) -> None:
        """Another disk: an empty one, or an old copy of this one."""
        self._pending.clear()
        self.durable, self.now = content.copy(), content.copy()

    def _write(self, write: Write, slot: Slot | None = None) -> None:
        write(self.now)
        self._pending.append((write, slot))
        self._crash_point("disk.unsynced")
        self.sync()
