"""The attempts under way at this node: routes frames to their mailbox, and keeps the few that come too early."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from steelyard.errors import Conflict, SteelyardError, Unreachable
from steelyard.ids import PartyId
from steelyard.rpc.frames import Frame
from steelyard.rpc.mailbox import Mailbox

EARLY_FRAMES: Final = 64  # a peer may begin before the coordinator has told us: one hello an attempt
EARLY_BYTES: Final = 64 << 10
REMEMBERED: Final = 4096  # attempts that have ended


class Sessions:
    """All mailboxes by attempt id.  Used on the event loop only."""

    def __init__(self) -> None:
        self._open: dict[bytes, Mailbox] = {}
        self._early: OrderedDict[tuple[bytes, PartyId], Frame] = OrderedDict()
        self._ended: OrderedDict[bytes, None] = OrderedDict()

    def open(self, attempt: bytes, peers: frozenset[PartyId], max_message: int) -> Mailbox:
        """A mailbox for a new attempt; an attempt id is used once."""
        if attempt in self._open or attempt in self._ended:
            raise Conflict("this attempt was begun before")
        mailbox = self._open[attempt] = Mailbox(peers, max_message)
        for key in [key for key in self._early if key[0] == attempt]:
            mailbox.deliver(key[1], self._early.pop(key))
        return mailbox

    def close(self, attempt: bytes) -> None:
        self._open.pop(attempt, None)
        self._ended[attempt] = None
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def deliver(self, peer: PartyId, frame: Frame) -> None:
        mailbox = self._open.get(frame.attempt)
        if mailbox is not None:
            mailbox.deliver(peer, frame)
        elif frame.attempt not in self._ended:
            self._keep(peer, frame)

    def lose(self, peer: PartyId, error: SteelyardError | None = None) -> None:
        """The stream to this peer ended, or it cheats: whatever waits for it must not go on waiting."""
        error = error or Unreachable(f"the stream to {peer} ended", party=peer)
        for mailbox in self._open.values():
            mailbox.lose(peer, error)
        for key in [key for key in self._early if key[1] == peer]:
            del self._early[key]

    def _keep(self, peer: PartyId, frame: Frame) -> None:
        mine = [key for key in self._early if key[1] == peer]
        if frame.round == 0 and frame.bytes <= EARLY_BYTES:
            if len(mine) >= EARLY_FRAMES:
                del self._early[mine[0]]
            self._early.setdefault((frame.attempt, peer), replace(frame, body=bytes(frame.body)))  # without the rest
