"""Saved shares: from which state all parties can go on, after one of them was gone.

Model       that of the computation whose states are saved; private authenticated channels.
Rounds      1.   Sends 16 bytes for every state kept.
Reveals     to all participants: which attempts' states each of them has kept.
Follows     checkpoints of long computations.
Differs     a state is shares: it is one only if all of it comes from one attempt, so each is kept under the attempt's
            name, and all participants must have it from the same one, and the first state, too.  What a release that
            saved other vectors has left is forgotten, and the computation refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from typing import Protocol as Interface

import msgspec
import numpy as np

from steelyard import records
from steelyard.errors import Malformed, Outdated
from steelyard.field import Vector
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.disputes import blaming
from steelyard.rounds import Protocol, broadcast

FORM: Final = b"\x02"  # which vectors are saved: another whenever they change (of before this was kept: 0x80 and more)
_NAME: Final = 16  # bytes of an attempt's name
_HEAD: Final = _NAME + len(FORM)
MAX_STATES: Final = 1 << 12


class States(Interface):
    """What a node keeps of one computation, by number from 1: durable, and the same over all attempts."""

    def latest(self) -> int:
        """How many there are without a gap."""

    def read(self, number: int) -> bytes: ...

    def keep(self, number: int, opened: bytes) -> None:
        """Durably; in place of one of the same number."""

    def forget(self) -> None:
        """All of them."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One attempt's view of the states; without a place to keep them nothing is kept and nothing found."""

    attempt: Attempt
    states: States | None

    def common(self) -> Protocol[int]:
        """The number of the last state that all participants have from one attempt, with such a first one; or 0.

        Raises Outdated where another release has saved mine, which are forgotten.
        """
        count = self.states.latest() if self.states else 0
        heads = [self._kept(number)[:_HEAD] for number in range(1, min(count, MAX_STATES) + 1)]
        if any(head[_NAME:] != FORM for head in heads):
            self._refuse()
        mine = [head[:_NAME] for head in heads]
        # 1. Everybody tells everybody what it has kept.
        message = len(mine).to_bytes(4, "little") + b"".join(mine)
        received = yield broadcast("saved", message, self.attempt.others)
        # 2. The last that is the same everywhere.
        lists = [mine]
        for party in self.attempt.others:
            with blaming(party):
                lists.append(_names(bytes(received[party])))
        same = [len(set(names)) == 1 for names in zip(*lists, strict=False)]
        return (
            max((number for number, each in enumerate(same, start=1) if each), default=0) if same[:1] == [True] else 0
        )

    def keep(self, number: int, vectors: Sequence[Vector]) -> None:
        """The first begins anew: what was kept of an earlier beginning fits it nowhere, and is forgotten."""
        if self.states:
            if number == 1:
                self.states.forget()
            body = msgspec.msgpack.encode([np.ascontiguousarray(each).tobytes() for each in vectors])
            self.states.keep(number, bytes.fromhex(self.attempt.attempt) + FORM + body)

    def read(self, number: int) -> list[Vector]:
        """As they were kept, all of them uint64."""
        pieces = records.from_msgpack(self._kept(number)[_HEAD:], list[bytes])
        return [np.frombuffer(each, dtype=np.uint64) for each in pieces]

    def _refuse(self) -> None:
        if self.states:
            self.states.forget()
        me = self.attempt.me
        text = f"{me} saved this computation under another release of the software, and has forgotten it now"
        raise Outdated(f"{text}: start it again, with a new request", party=me)

    def _kept(self, number: int) -> bytes:
        return self.states.read(number) if self.states else b""


def _names(message: bytes) -> list[bytes]:
    count = int.from_bytes(message[:4], "little")
    if count > MAX_STATES or len(message) != 4 + _NAME * count:
        raise Malformed("a list of saved states that is none")
    return [message[4 + _NAME * at : 4 + _NAME * (at + 1)] for at in range(count)]
