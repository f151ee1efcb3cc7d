"""What this node has let out to one requester, as questions about that see it."""

from __future__ import annotations

from dataclasses import dataclass

from node.computations import Computations
from node.ledger import Ledger
from steelyard.documents.request import Request
from steelyard.documents.signed import read
from steelyard.functions.past import Earlier


@dataclass(frozen=True, slots=True)
class NodePast:
    """See `steelyard.functions.past.Past`."""

    computations: Computations
    ledger: Ledger
    requester: str

    def released(self, computation: str) -> Earlier | None:
        recorded, entry = self.computations.find(computation), self.ledger.entry(computation)
        if recorded is None or entry is None or entry.candidate.requester != self.requester:
            return None
        return Earlier(read(Request, recorded.request.payload), entry.candidate.inputs)
