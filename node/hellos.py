"""Hellos that this node has signed and not used yet: their private keys are few, live for seconds and are used once.

The coordinator takes a hello along with the node's approval and brings everybody's back when the attempt begins, which
saves the nodes a round.  The mailbox is open from the hello on: whoever has heard it may send.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from node.sessions import Sessions
from steelyard.errors import Conflict
from steelyard.ids import AttemptId, ComputationId, PartyId
from steelyard.protocols.greet import Introduction
from steelyard.rpc.mailbox import Mailbox

SECONDS: Final = 30.0  # that a hello is good for
AT_MOST: Final = 32  # at once; the oldest goes first


@dataclass(frozen=True, slots=True)
class Said:
    """A hello of this node, and where the answers go."""

    introduction: Introduction
    mailbox: Mailbox
    expiry: asyncio.TimerHandle


class Hellos:
    """By computation, of which each has one at most.  Used on the event loop only."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._said: dict[str, Said] = {}

    def keep(self, introduction: Introduction, mailbox: Mailbox) -> None:
        """Until it is taken, or the computation says another one, or time or room is up."""
        computation = introduction.hello.computation
        self.forget(computation)
        if len(self._said) >= AT_MOST:
            self.forget(next(iter(self._said)))
        expiry = asyncio.get_running_loop().call_later(SECONDS, self.forget, computation)
        self._said[computation] = Said(introduction, mailbox, expiry)

    def take(self, computation: ComputationId, attempt: AttemptId, participants: tuple[PartyId, ...]) -> Said:
        """For the one attempt it was said for; the caller erases the keys.  Raises Conflict when it is not there."""
        said, wanted = self._said.get(computation), (attempt, participants)
        if said is None or (said.introduction.hello.attempt, said.introduction.hello.participants) != wanted:
            raise Conflict("this node's hello of the attempt was used before, or is too old: ask it again")
        said.expiry.cancel()
        return self._said.pop(computation)

    def forget(self, computation: str) -> None:
        """Erases the keys of a hello that nothing comes of."""
        said = self._said.pop(computation, None)
        if said is not None:
            said.expiry.cancel()
            said.introduction.keys.erase()
            self._sessions.close(bytes.fromhex(said.introduction.hello.attempt))

    def clear(self) -> None:
        for computation in list(self._said):
            self.forget(computation)
