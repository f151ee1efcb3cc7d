"""Handover: a node that was lost when training ended asks the other parties for the model, and believes what k of them
say: one of k is honest.  A model goes to the parties it was trained with, which were to have it, and to nobody else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from node.audit import Audit
from node.books import Books, now_ms
from node.training import Kept, KeptModels
from steelyard.errors import Failed, Malformed, NotFound, SteelyardError
from steelyard.identity.certificates import Identity, Role
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.learning.model_file import MAX_BYTES
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import peer_pb2, peer_pb2_grpc

SECONDS: Final = 30.0  # for a peer's answer, the file among it


def endpoint(membership: Membership, party: PartyId) -> Endpoint:
    """Where a party's node listens, and the key the manifest pins for it."""
    pin = membership.pin(Identity(membership.consortium, Role.NODE, party))
    return Endpoint(party, membership.address(party), pin)


@dataclass(frozen=True, slots=True)
class Handover:
    party: PartyId
    membership: Membership
    models: KeptModels
    audit: Audit
    home: Path

    @classmethod
    def of(cls, books: Books, home: Path) -> Self:
        return cls(books.party, books.membership, books.trained.models, books.audit, home)

    def give(self, name: str, asker: PartyId, *, hash_only: bool) -> tuple[str, bytes]:
        """The model's hash, and its file.  Raises NotFound, also where the asker has no part in it."""
        kept, file = self.models.both(name)
        if kept.card.personal or asker not in kept.card.parties:
            raise NotFound(f"{self.party} keeps no model {name[:60]!r} that {asker} helped to train")
        if hash_only:
            return kept.digest, b""
        self.audit.record("model_given", {"model": name, "to": asker}, now_ms=now_ms())
        return kept.digest, file

    async def recall(self, name: str) -> Kept:
        """Asks everybody for the hash, then one after the other for the file.  Raises NotFound, Failed."""
        peers = [party for party in self.membership.parties if party != self.party]
        answers = await asyncio.gather(*(self._asked(peer, name, hash_only=True) for peer in peers))
        said = {peer: answer[0] for peer, answer in zip(peers, answers, strict=True) if answer}
        digest = self._agreed(name, list(said.values()))
        for peer in (each for each in peers if said.get(each) == digest):
            answer = await self._asked(peer, name, hash_only=False)
            if answer and hashlib.sha256(answer[1]).hexdigest() == digest:
                return await asyncio.to_thread(self._keep, name, answer[1])
        raise Failed(f"nobody who has the model {name[:60]!r} gave its file: try again")

    def _agreed(self, name: str, digests: Sequence[str]) -> str:
        if not digests:
            raise NotFound(f"no other party that answers keeps a model {name[:60]!r} trained with {self.party}")
        (digest, count), enough = Counter(digests).most_common(1)[0], self.membership.threshold
        if count < enough:
            raise Failed(
                f"{count} parties have the same model {name[:60]!r}, it takes {enough}: try again when more are up"
            )
        return digest

    def _keep(self, name: str, file: bytes) -> Kept:
        self.models.keep(name, file)
        self.audit.record("model_recalled", {"model": name}, now_ms=now_ms())
        return self.models.show(name)

    async def _asked(self, peer: PartyId, name: str, *, hash_only: bool) -> tuple[str, bytes] | None:
        """None where it does not answer, or has none."""
        channel = PinnedChannel(self.home, endpoint(self.membership, peer))
        request, digest, file = peer_pb2.GiveModelRequest(name=name, hash_only=hash_only), "", bytearray()
        try:
            async with channel.calling() as line:
                async for piece in peer_pb2_grpc.PeerServiceStub(line).GiveModel(request, timeout=SECONDS):
                    digest = digest or piece.digest
                    file += piece.content
                    if len(file) > MAX_BYTES:
                        raise Malformed(f"{peer} sends a model without end", culprits=(peer,))
        except SteelyardError:
            return None
        finally:
            await channel.close()
        return digest, bytes(file)
