"""What a node signs over the part of a notice, of a set-off or a netting, that it seals to one firm."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from steelyard.digest import frame
from steelyard.documents.manifest import Hex32, Name
from steelyard.documents.request import Hex16
from steelyard.documents.signed import Document
from steelyard.documents.stored import Identifier

# What is cleared of every line, or only of all payables together; of a netting, a bank's position alone, or beside it
# which payments are released.
Tells = Literal["lines", "saving", "position", "payments"]


class NoticePart(Document, frozen=True, kw_only=True):
    """Binds a sealed share to the round, the computation, the firm and the node.  `inputs` names the input set."""

    KIND: ClassVar[str] = "notice-part"

    round: Identifier
    computation: Hex16
    attempt: Hex16
    inputs: Hex32
    firm: Name
    party: Name
    threshold: Annotated[int, msgspec.Meta(ge=2, le=31)]
    tells: Tells
    length: Annotated[int, msgspec.Meta(ge=1)]  # field elements
    ciphertext: Hex32  # SHA-256

    @property
    def context(self) -> bytes:
        """What the ciphertext is bound to."""
        return sealed_for(self.computation, self.attempt, self.firm, self.party)


def sealed_for(computation: str, attempt: str, firm: str, party: str) -> bytes:
    return frame("notice-part", computation.encode(), attempt.encode(), firm.encode(), party.encode())
