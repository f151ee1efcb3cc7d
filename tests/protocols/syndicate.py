"""Banks that contribute their queues to nodes in one process, and what the nodes tell requester and banks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from protocols.consortium import Consortium
from protocols.pools import NOW, Box, raised
from protocols.tables import figures

from steelyard.digest import digest
from steelyard.documents.contribution import ContributionHeader, Layer, Measure
from steelyard.field import from_signed, uniform
from steelyard.functions.catalogue import question
from steelyard.functions.computation import ResultShare, compute
from steelyard.functions.intake import Parcel
from steelyard.functions.means import Means
from steelyard.functions.netting import PURPOSE
from steelyard.functions.notices import Told, parts_of, put_together
from steelyard.identity.keys import public_hex
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.protocols.greet import introduce
from steelyard.randomness import Keystream, SystemRandomness
from steelyard.rounds import Protocol, Tamper, run_locally
from steelyard.setoff.queue import Queue, tag
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND


class Syndicate:
    """`names` are all banks, in the public order."""

    def __init__(self, names: Sequence[str], size: int = 3, threshold: int = 2, minimum_group: int = 2) -> None:
        self.names = list(names)
        self.consortium = Consortium(size, threshold, minimum_group=minimum_group, decimals=(2,))
        self.boxes = {party: Box() for party in self.consortium.parties}
        self.keys = {name: X25519PrivateKey.generate() for name in names}

    @classmethod
    def of(cls, queues: Sequence[Queue], **nodes: int) -> Syndicate:
        made = cls([each.bank for each in queues], **nodes)
        for each in queues:
            made.say(each)
        return made

    def say(self, queue: Queue, layers: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """With other `layers` or header fields the bank deals something else than it should."""
        places = {name: at for at, name in enumerate(self.names)}
        made = {tag(self.names, 2): [], **queue.layers(places), **(layers or {})}
        vector = np.concatenate([from_signed(np.asarray(each, dtype=np.int64)) for each in made.values()])
        said: dict[str, Any] = {
            "id": digest("id", queue.bank.encode()).hex()[:32],
            "manifest": "22" * 32,
            "contributor": queue.bank,
            "dataset": "payments",
            "purpose": PURPOSE,
            "columns": (Measure("amount", 2, 0),),
            "rows": queue.rows,
            "layers": tuple(Layer(name, len(each)) for name, each in made.items()),
            "length": vector.size + BEHIND,
            "threshold": self.consortium.threshold,
            "commitments": {},
            "sealed": {},
            "keys": {},
            "created_ms": NOW,
            "expires_ms": NOW * 2,
        }
        header = ContributionHeader(**{**said, **changes})
        points = self.consortium.points
        secret = np.concatenate([vector, uniform(SystemRandomness(), BEHIND)])
        shares = shamir.share(secret, self.consortium.threshold, list(points.values()), SystemRandomness())
        for party, point in points.items():
            fixed = digest("header", header.encode())
            parcel = Parcel(header, fixed, shares[point], public_hex(self.keys[queue.bank]))
            self.boxes[party].parcels[PartyId(queue.bank)] = parcel

    def net(self, *, tamper: Tamper | None = None, watch: Callable[..., Any] | None = None, **arguments: Any) -> Netted:
        asked = question(
            "netting", {"dataset": "payments", "column": "amount", "banks": self.names, "decimals": 2, **arguments}
        )
        running = {party: self._played(asked, party) for party in self.boxes}
        outcome = raised(run_locally({p: watch(p, each) if watch else each for p, each in running.items()}, tamper))
        return Netted(self, figures(self.consortium, asked, outcome), outcome)

    def _played(self, asked: Any, party: PartyId) -> Protocol[ResultShare]:
        attempt = self.consortium.attempt(party)
        return compute(
            attempt,
            asked,
            introduce(attempt, self.consortium.offer(False)),
            None,
            self.consortium.ledgers[party],
            SystemRandomness(),
            lambda identity: Keystream(digest("noise", identity.encode())),
            means=Means(intake=self.boxes[party]),
        )


@dataclass
class Netted:
    syndicate: Syndicate
    figures: dict[str, Any]
    outcome: Mapping[PartyId, ResultShare] = field(repr=False)

    def told(self, bank: str, reader: str = "") -> Told:
        """With the key of the bank, or of another reader."""
        consortium, key = self.syndicate.consortium, self.syndicate.keys[reader or bank]
        parts = parts_of({party: each.attachment for party, each in self.outcome.items()})[bank]
        return put_together(
            bank,
            parts,
            consortium.keys,
            consortium.points,
            consortium.threshold,
            lambda sealed, bound: unseal(key, sealed, bound),
        )
