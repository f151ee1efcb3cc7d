"""`Desk`: signs requests and opens results.  It holds the requester's keys and the verified manifest, no network."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import msgspec

from steelyard.documents.contributor import Contributor
from steelyard.documents.request import MAX_LIFE_MS, Request
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed, read, sign
from steelyard.errors import Cheated, Conflict, Failed, Invalid, Malformed, SteelyardError, TimedOut, Unreachable
from steelyard.functions.threshold import lowered
from steelyard.identity.certificates import Role
from steelyard.identity.contributors import registered, vouch
from steelyard.ids import PartyId
from steelyard.randomness import token
from steelyard.rpc import codec
from steelyard.rpc.tls import Endpoint
from steelyard.v1 import coordinator_pb2, types_pb2

from . import wire
from .profile import Profile, identify
from .questions import Question
from .results import Computation, Leak, Result

_PAGE: Final = 1000  # computations in one answer


class Desk:
    """One requester of one consortium.  Raises Unauthenticated when keys, certificate and manifest do not fit."""

    def __init__(self, profile: Profile) -> None:
        self.profile: Final = profile
        self.home: Final = profile.requester
        self.membership: Final = profile.membership(self.home)
        self.requester: Final = identify(self.home, self.membership, Role.REQUESTER).id
        entry = self.membership.manifest.coordinator
        self.coordinator: Final = Endpoint(entry.id, profile.coordinator or entry.address, entry.tls)
        self._signing = self.home.signing_key()
        self._sealing = self.home.sealing_key()
        self._mine = {self.requester: self._signing.public_key()}
        self._checked: tuple[Signed | None, Request | None] = (None, None)

    def sign(self, question: Question) -> Signed:
        """A fresh request for `question`, under a new computation id."""
        life = int(question.valid_for * 1000)
        if not 0 < life <= MAX_LIFE_MS:
            raise Invalid("a request is valid for some time, and for at most seven days")
        now = time.time_ns() // 1_000_000
        request = Request(
            computation=token(16).hex(),
            manifest=self.membership.digest,
            requester=self.requester,
            function=question.function,
            arguments=question.arguments,
            threshold=lowered(self.membership.size, self.membership.threshold, multiplies=question.on_fresh_inputs),
            allow_missing=question.allow_missing,
            purpose=question.purpose,
            created_ms=now,
            expires_ms=now + life,
        )
        signed = sign(request, self.requester, self._signing)
        self._checked = signed, request  # the coordinator will show it
        return signed

    def again(self, call: Signed) -> Signed:
        """The request of a call of mine, under a new computation id: the same to all who have answered it.

        Raises Unauthenticated for one that this profile did not sign.
        """
        asked = call.open(Request, self._mine)
        request = msgspec.structs.replace(asked, computation=token(16).hex(), created_ms=time.time_ns() // 1_000_000)
        signed = sign(request, self.requester, self._signing)
        self._checked = signed, request
        return signed

    def vouch(self, contributor: Contributor) -> Signed:
        """Registers a contributor: this requester answers for who it is.  Raises Invalid, Unauthenticated."""
        if contributor.sponsor != self.requester:
            raise Invalid(f"this registration names {contributor.sponsor} as its sponsor, and you are {self.requester}")
        signed = vouch(contributor, self._signing)
        registered(signed, self.membership, time.time_ns() // 1_000_000)
        return signed

    def sealed_weights(self, weights: Mapping[str, float]) -> dict[str, Any]:
        """A model as a request holds it: its features, shares of its weights, one sealed to each node, and the weights
        sealed to me.  Raises Invalid for features that are none.
        """
        from steelyard.ckks.scores import ordered
        from steelyard.functions.score import sealed_to_oneself, sealed_weights

        nodes = {
            PartyId(each.party): (each.point, bytes.fromhex(each.sealing)) for each in self.membership.manifest.nodes
        }
        mine = self._sealing.public_key().public_bytes_raw()
        return {
            "features": list(ordered(tuple(weights))),
            "weights": sealed_weights(weights, self.requester, nodes, self.membership.threshold),
            "own": sealed_to_oneself(weights, self.requester, mine),
        }

    def creation(self, signed: Signed) -> coordinator_pb2.CreateComputationRequest:
        """The message that hands a signed request in; sent again, it changes nothing."""
        return coordinator_pb2.CreateComputationRequest(
            request=codec.signed_to_proto(signed), request_id=token(16).hex()
        )

    def id_of(self, signed: Signed) -> str:
        """The computation that a request of mine asks for."""
        return read(Request, signed.payload).computation

    def cut_off(self) -> Unreachable:
        """What to raise when a watch ends before the computation does."""
        return Unreachable("the coordinator stopped reporting before the end", party=self.coordinator.who)

    def computation(
        self,
        message: coordinator_pb2.Computation,
        expected: str = "",
        results: Iterable[types_pb2.ResultChunk] = (),
    ) -> Computation:
        """What the coordinator shows; raises Malformed when it answers about another computation than `expected`."""
        if expected and message.id != expected:
            raise Malformed("the coordinator answers about another computation", party=self.coordinator.who)
        request = codec.signed_from_proto(message.request)
        return Computation(
            id=message.id,
            state=wire.state(message.state),
            created_ms=message.created_ms,
            updated_ms=message.updated_ms,
            parties=wire.progress(message.parties, lambda each: self._line(message.id, each)),
            problem=wire.problem(message.failure) if message.HasField("failure") else None,
            attempts=message.attempts,
            asked=self._asked(request, message.id),
            request=request,
            sealed=self.assembled(results),
        )

    def assembled(self, chunks: Iterable[types_pb2.ResultChunk]) -> tuple[SealedResult, ...]:
        """Results from their pieces; raises Malformed for anything but at most one of each node."""
        return tuple(_assembled(chunks, self.membership.parties))

    def leakage(self, request: Request) -> tuple[Leak, ...]:
        """Every value that becomes known, and to whom."""
        from steelyard.functions.leakage import leakage

        return tuple(Leak(what=each.what, to=each.to) for each in leakage(request, self.membership.minimum_group))

    def require_result(self, computation: Computation) -> None:
        """Raises the computation's failure, or Conflict when it has not ended."""
        if computation.problem is not None and computation.state != "DONE":
            raise computation.problem.error()
        if computation.state != "DONE":
            raise Conflict(f"computation {computation.id} has no result: it is {computation.state}")

    def too_late(self, computation: Computation, seconds: float) -> TimedOut:
        """What to raise when the caller's time is up but the computation goes on."""
        undecided = [each.party for each in computation.parties if each.state == "pending"]
        waiting = undecided or [each.party for each in computation.parties if each.state in ("asked", "running")]
        owners = " and ".join(f"the owner of {party}" for party in undecided)
        state = f"still waits for {owners} to approve it" if undecided else f"is {computation.state}"
        return TimedOut(
            f"computation {computation.id} {state} after {seconds:g} seconds and goes on; "
            f"look again with `steelyard computation show {computation.id}`",
            party=", ".join(waiting),
        )

    def open(self, computation: Computation, sealed: Sequence[SealedResult]) -> Result:
        """The result; raises Cheated when the nodes' replies do not agree or the request is not mine."""
        from steelyard.functions.catalogue import question_of
        from steelyard.functions.opening import open_results

        request = self.signed_by_me(computation)
        arguments, asked = request.arguments, question_of(request)
        called = arguments.get("called", ())
        with _used_up() if called else nullcontext():
            opened = open_results(self.membership, computation.request, sealed, self._sealing)
        owned = not asked.contributed and (not called or set(arguments["subjects"]) != set(called))
        awaited = self.membership.parties if owned else ()
        return Result(
            function=request.function,
            computation=request.computation,
            dataset=str(arguments["dataset"]),
            column=",".join(asked.wanted.columns),
            where=str(arguments.get("where", "")),
            value=opened.value,
            parties=tuple(opened.parties),
            missing=tuple(each for each in awaited if each not in opened.parties),
            verified=opened.verified,
            checked=opened.checked,
            culprits=tuple(opened.culprits),
            rejected=tuple(opened.rejected),
            leakage=self.leakage(request),
            vector=opened.vector,
            decimals=opened.decimals,
            attachments=dict(opened.attachments),
        )

    def attachments(self, computation: Computation, sealed: Sequence[SealedResult]) -> Mapping[PartyId, bytes]:
        """What each node added to its share of the result: notices for others, which stay sealed."""
        from steelyard.functions.opening import attachments

        self.signed_by_me(computation)
        return attachments(self.membership, computation.request, sealed, self._sealing)

    def signed_by_me(self, computation: Computation) -> Request:
        """The request behind a computation; raises Malformed when this profile did not sign it."""
        if computation.asked is None:
            text = "the coordinator shows a request that this profile did not sign"
            raise Malformed(text, party=self.coordinator.who)
        return computation.asked

    def _line(self, computation: str, said: coordinator_pb2.PartyProgress) -> dict[str, Any] | None:
        """How far a training run is; None where nothing is said of it."""
        if not said.progress:
            return None
        from steelyard.functions.training_line import opened

        line = opened(said.progress, computation, said.party, self._sealing)
        return None if line is None else dict(msgspec.to_builtins(line))

    def _asked(self, request: Signed, computation: str) -> Request | None:
        known, asked = self._checked
        if request != known:  # a watch shows the same request dozens of times
            asked = self._opened(request)
            self._checked = request, asked
        return asked if asked is not None and asked.computation == computation else None

    def _opened(self, request: Signed) -> Request | None:
        try:
            return request.open(Request, self._mine)
        except SteelyardError:
            return None


@contextmanager
def _used_up() -> Iterator[None]:
    """For a call: to ask again takes other answers, since for the nodes there was a result."""
    try:
        yield
    except (Cheated, Failed) as error:
        text = f"{error.message} (the nodes have forgotten the answers, so it takes a new call)"
        raise type(error)(text, party=error.party, culprits=error.culprits, suspects=error.suspects) from None


class Pages:
    """Collects a list of computations over the pages of the coordinator's answer."""

    def __init__(self, desk: Desk, limit: int) -> None:
        if limit < 1:
            raise Invalid("a list holds at least one computation")
        self.found: tuple[Computation, ...] = ()
        self._desk = desk
        self._limit = limit
        self._token: str | None = ""

    def next_request(self) -> coordinator_pb2.ListComputationsRequest | None:
        """None once there is no further page, or enough has been found."""
        wanted = self._limit - len(self.found)
        if self._token is None or wanted <= 0:
            return None
        return coordinator_pb2.ListComputationsRequest(page_size=min(wanted, _PAGE), page_token=self._token)

    def add(self, answer: coordinator_pb2.ListComputationsResponse) -> None:
        added = tuple(self._desk.computation(each) for each in answer.computations)
        self.found = (self.found + added)[: self._limit]
        self._token = answer.next_page_token if added else None
        self._token = self._token or None


def _assembled(chunks: Iterable[types_pb2.ResultChunk], parties: Iterable[str]) -> Iterator[SealedResult]:
    """The replies of parties in the manifest, one each; raises Malformed for anything else."""
    waiting, assembler = set(parties), codec.ResultAssembler()
    for chunk in chunks:
        reply = assembler.feed(chunk)
        if reply is None:
            continue
        if reply.party not in waiting:
            raise Malformed("the coordinator relays a second result of one node, or one of nobody in the manifest")
        waiting.remove(reply.party)
        yield reply
    assembler.end()
