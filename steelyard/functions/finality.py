"""Finality: the requester declares a set-off round final, under its signature, in every node's audit log.

Model       malicious; the requester answers for the hash of the result that it names.
Rounds      those of the greeting and of the agreement.   Sends the same.
Reveals     to all nodes: which computation is final, and the hash of its result.
Follows     preliminary and final reports, as public set-off schemes have them.
Differs     it is a request like any other: a quorum of nodes signs over which contributions it is, each from its own
            memory of what it has cleared.  Then they are forgotten, so that no debt is cleared twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from steelyard import records
from steelyard.digest import digest
from steelyard.documents.attempt import Contribution
from steelyard.documents.manifest import Hex32
from steelyard.documents.request import Hex16
from steelyard.errors import Invalid, Malformed, NotFound
from steelyard.functions.means import Means
from steelyard.functions.question import Held, Layers, Leak, Opening, Question, Released, Table
from steelyard.functions.selection import Selection
from steelyard.functions.set_off import AMOUNT, PURPOSE, Round
from steelyard.ids import PartyId
from steelyard.protocols.attempt import Attempt
from steelyard.protocols.greet import Inputs
from steelyard.rounds import Protocol


class Final(Selection, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments: the computation that cleared the round `dataset`, and the hash of its result.

    `despite`: also where firms have contributed anew since; what they said last is forgotten, too.
    """

    column: str = AMOUNT
    run: Hex16
    result: Hex32
    despite: bool = False


class Finality(Question[Final]):
    @property
    def releases(self) -> bool:
        return False

    @property
    def waits(self) -> bool:
        return True

    @property
    def purpose(self) -> str:
        return PURPOSE

    @property
    def allowed_as(self) -> str:
        """Whoever may clear a round may declare it final."""
        return "set_off"

    @property
    def noted(self) -> Mapping[str, str]:
        return {"run": self.wanted.run, "result": self.wanted.result}

    def values(self, rows: int) -> int:
        return 0

    def bring(self, table: Table, rows: int) -> Layers:
        raise Invalid("firms take part in a round by contributing; this node has a dataset of its name")

    def earlier(self, attempt: Attempt, means: Means) -> Inputs:
        """What the round was cleared from: that is declared final, whatever waits here now."""
        found = means.past.released(self.wanted.run) if means.past else None
        if found is None:
            raise NotFound(f"{attempt.me} has cleared no round of this requester under the id {self.wanted.run}")
        if found.request.function != self.allowed_as or found.request.arguments["dataset"] != self.wanted.dataset:
            raise Invalid(f"{self.wanted.run} has not cleared the round {self.wanted.dataset}: there is nothing final")
        cleared = records.from_plain(found.request.arguments, Round)
        if cleared.dry_run:
            raise Invalid(f"{self.wanted.run} was a dry run: clear the round, then declare that final")
        decimals = (cleared.terms.decimals,)
        return Inputs(tuple(Contribution(*each, decimals, (0,)) for each in sorted(found.inputs)), False, 0)

    def release(self, held: Held) -> Protocol[Released]:
        yield from ()
        if held.means.intake is not None:
            cleared = {PartyId(each.party): each.version for each in held.greeting.contributions}
            held.means.intake.settle(self.wanted.run, self.wanted.dataset, cleared, despite=self.wanted.despite)
        return Released(np.ones(1, dtype=np.uint64))

    def figures(self, opened: Opening) -> dict[str, Any]:
        if opened.rows(1, 1)[0, 0] != 1:
            raise Malformed("the nodes have not said that the round is final")
        return {"run": self.wanted.run, "result": self.wanted.result, "final": True}

    def released(self) -> str:
        return f"that the round {self.wanted.dataset}, cleared by {self.wanted.run}, is final; nodes forget its inputs"

    def leaks(self) -> Sequence[Leak]:
        return (Leak("the hash of the round's result", "every node"),)


def result_hash(figures: Mapping[str, Any]) -> str:
    """Names a round's result."""
    return digest("set-off result", msgspec.json.encode(dict(figures), order="sorted")).hex()
