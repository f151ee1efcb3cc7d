"""Documents, results and contributions as protobuf messages and back; every bound is checked here, on the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from steelyard.documents.contribution import Bundle
from steelyard.documents.sealed_result import CountedSignature, SealedResult
from steelyard.documents.signed import MAX_DOCUMENT, Signed
from steelyard.errors import Invalid, Malformed
from steelyard.rpc.channel import PIECE
from steelyard.v1 import types_pb2

MAX_RESULT: Final = 1 << 26  # bytes of ciphertext of one node
MAX_SIGNATURES: Final = 31
_MAX_NAME: Final = 40
_SIGNATURE: Final = 64  # bytes of Ed25519


def signed_to_proto(signed: Signed) -> types_pb2.SignedDocument:
    return types_pb2.SignedDocument(
        kind=signed.kind, payload=signed.payload, signer=signed.signer, signature=signed.signature
    )


def signed_from_proto(message: types_pb2.SignedDocument) -> Signed:
    """The document as it came; nothing is verified but sizes.  Raises Invalid."""
    names = max(len(message.kind), len(message.signer))
    if names > _MAX_NAME or len(message.payload) > MAX_DOCUMENT or len(message.signature) != _SIGNATURE:
        raise Invalid("this is no signed document: a part of it has a length that none has")
    return Signed(kind=message.kind, payload=message.payload, signer=message.signer, signature=message.signature)


def result_to_chunks(result: SealedResult) -> Iterator[types_pb2.ResultChunk]:
    """One node's result in pieces of at most 1 MiB; note and certificate travel with the first."""
    starts = range(0, max(1, len(result.ciphertext)), PIECE)
    for start in starts:
        piece = result.ciphertext[start : start + PIECE]
        chunk = types_pb2.ResultChunk(party=result.party, ciphertext=piece, last=start == starts[-1])
        if start == 0:
            chunk.note.CopyFrom(signed_to_proto(result.note))
            chunk.certificate.extend(certificate_to_proto(result.certificate))
        yield chunk


def certificate_to_proto(certificate: Iterable[CountedSignature]) -> list[types_pb2.CountedSignature]:
    return [types_pb2.CountedSignature(signer=each.signer, signature=each.signature) for each in certificate]


def certificate_from_proto(messages: Iterable[types_pb2.CountedSignature]) -> tuple[CountedSignature, ...]:
    """Raises Malformed for more signatures than a consortium has nodes, or for what is none."""
    found = tuple(CountedSignature(each.signer, each.signature) for each in messages)
    if len(found) > MAX_SIGNATURES or any(
        len(each.signer) > _MAX_NAME or len(each.signature) != _SIGNATURE for each in found
    ):
        raise Malformed("a certificate that holds something else than signatures")
    return found


class ResultAssembler:
    """Puts the pieces of results together, one node after the other; `limit` bounds the bytes of each."""

    def __init__(self, limit: int = MAX_RESULT) -> None:
        self._limit = limit
        self._first: types_pb2.ResultChunk | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: types_pb2.ResultChunk) -> SealedResult | None:
        """The whole result once its last piece is here.  Raises Malformed for pieces that no honest peer sends."""
        first = self._first = self._first or chunk
        self._size += len(chunk.ciphertext)
        if chunk.party != first.party or self._size > self._limit:
            raise Malformed("the pieces of a sealed result do not belong together or are too many")
        self._pieces.append(chunk.ciphertext)
        return self._finish(first) if chunk.last else None

    def end(self) -> None:
        """Raises Malformed when the stream ended in the middle of a result."""
        if self._first is not None:
            raise Malformed("a sealed result ends in the middle")

    def _finish(self, first: types_pb2.ResultChunk) -> SealedResult:
        try:
            note = signed_from_proto(first.note)
        except Invalid:
            raise Malformed("a sealed result comes without its signed note") from None
        certificate = certificate_from_proto(first.certificate)
        result = SealedResult(first.party, note, certificate, b"".join(self._pieces))
        self._first, self._pieces, self._size = None, [], 0
        return result


def bundle_to_chunks(bundle: Bundle) -> Iterator[types_pb2.ContributionChunk]:
    """A contribution in pieces of at most 1 MiB; the documents travel with the first."""
    chunk = types_pb2.ContributionChunk(
        registration=signed_to_proto(bundle.registration), header=signed_to_proto(bundle.header)
    )
    room = PIECE
    for node, ciphertext in bundle.parts.items():
        start = 0
        while start < len(ciphertext):
            if not room:
                yield chunk
                chunk, room = types_pb2.ContributionChunk(), PIECE
            piece = ciphertext[start : start + room]
            chunk.shares.add(node=node, ciphertext=piece)
            start, room = start + len(piece), room - len(piece)
    chunk.last = True
    yield chunk


class BundleAssembler:
    """Puts contributions together, one after the other; `limit` says how many bytes one with these documents has."""

    def __init__(self, limit: Callable[[Signed, Signed], int]) -> None:
        self._limit = limit
        self._documents: tuple[Signed, Signed] | None = None
        self._pieces: dict[str, list[bytes]] = {}
        self._room = 0

    def feed(self, chunk: types_pb2.ContributionChunk) -> Bundle | None:
        """The whole bundle once its last piece is here.  Raises Invalid, Malformed and what `limit` raises."""
        if self._documents is None:
            self._documents = signed_from_proto(chunk.registration), signed_from_proto(chunk.header)
            self._room = self._limit(*self._documents)
        for share in chunk.shares:
            self._room -= len(share.ciphertext)
            if self._room < 0 or len(share.node) > _MAX_NAME or len(self._pieces) > MAX_SIGNATURES:
                raise Malformed("a contribution holds more than its header says")
            self._pieces.setdefault(share.node, []).append(share.ciphertext)
        return self._finish(self._documents) if chunk.last else None

    def end(self) -> None:
        """Raises Malformed when the stream ended in the middle of a contribution."""
        if self._documents is not None:
            raise Malformed("a contribution ends in the middle")

    def _finish(self, documents: tuple[Signed, Signed]) -> Bundle:
        bundle = Bundle(*documents, {node: b"".join(pieces) for node, pieces in self._pieces.items()})
        self._documents, self._pieces = None, {}
        return bundle
