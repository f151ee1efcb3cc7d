"""`Client`: ask and wait.  Blocking stubs; there is no event loop underneath."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, Unpack

from steelyard.documents.contribution import Bundle
from steelyard.documents.sealed_result import SealedResult
from steelyard.documents.signed import Signed
from steelyard.errors import Failed, KeyReplaced, SteelyardError, TimedOut
from steelyard.ids import PartyId, computation_id
from steelyard.rpc import codec
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceStub

from . import wire
from .asking import Asking
from .connection import Connection
from .deadlines import CALL, Deadline, Patience
from .desk import Desk, Pages
from .profile import Profile
from .questions import (
    DEFAULT_TIMEOUT,
    Asked,
    OnProgress,
    Question,
    Wanted,
    question,
)
from .records import Contribution
from .results import Computation, Party, Result
from .sharings import Sharing, named, sharings_of

if TYPE_CHECKING:
    from steelyard.identity.sealing_keys import SealingKeys

    from .firm import Firm

_WITHDRAW: Final = 1.0  # seconds that an interrupted caller waits for its cancellation
_NEWEST: Final = 100
_PAGE: Final = 1000  # contributions in one answer
_PAUSE: Final = 0.1
_AGAIN: Final = 1.0
HAND_IN: Final = 600.0  # seconds


class Client(Asking):
    """A requester's way to the coordinator; use it as a context manager, from any thread.

    Every method raises a SteelyardError: Refused, Failed or Cheated.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._line = Connection(desk.home, desk.coordinator, CoordinatorServiceStub)
        self._known: SealingKeys | None = None  # the nodes', since they were learnt

    @classmethod
    def from_profile(cls, path: Path | str) -> Self:
        """A client for the profile in a directory.  Connects at the first call."""
        return cls(Desk(Profile.open(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def ask(self, function: str, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """Creates a computation, waits for its end and opens the result.

        Raises the failure of a computation that was refused or aborted; TimedOut after `timeout` seconds, and then the
        computation goes on.  A KeyboardInterrupt cancels the computation.
        """
        deadline = Deadline(asked.get("timeout", DEFAULT_TIMEOUT))
        signed = self._signed(question(function, dataset, column, asked), deadline)
        return self._run(signed, deadline, asked.get("on_progress"))

    def call(self, function: str, dataset: str, column: str | None = None, **wanted: Unpack[Wanted]) -> Signed:
        """A signed request that firms without a node, whom it calls, answer before anything is computed.

        `clients.sdk.calls` saves it as a file for them; then `run` it.
        """
        return self._signed(question(function, dataset, column, wanted), Deadline(CALL))

    def run(self, call: Signed, timeout: float = DEFAULT_TIMEOUT, on_progress: OnProgress | None = None) -> Result:
        """Computes what a call of mine asks, over the answers that have come; as `ask` from there on.

        It can be tried until there is a result: then the nodes forget the answers, and refuse another.
        """
        return self._run(self.desk.again(call), Deadline(timeout), on_progress)

    def create(self, function: str, dataset: str, column: str | None = None, **wanted: Unpack[Wanted]) -> Computation:
        """Creates a computation and returns at once; see `watch` and `results`."""
        deadline = Deadline(CALL)
        return self._create(self._signed(question(function, dataset, column, wanted), deadline), deadline)

    def get(self, computation: str) -> Computation:
        """One computation as it is now."""
        return self._get(computation_id(computation), Deadline(CALL))

    def list(self, limit: int = _NEWEST) -> tuple[Computation, ...]:
        """My newest computations, newest first."""
        pages = Pages(self.desk, limit)
        while (request := pages.next_request()) is not None:
            pages.add(self._page(request))
        return pages.found

    def watch(self, computation: str, timeout: float = DEFAULT_TIMEOUT) -> Iterator[Computation]:
        """The computation now and at every change, until it has ended; outlives a restart of the coordinator."""
        return self._watch(computation_id(computation), Deadline(timeout))

    def cancel(self, computation: str) -> Computation:
        """Ends a computation of mine; Conflict when it has ended."""
        return self._cancel(computation_id(computation), CALL)

    def results(self, computation: str, timeout: float = DEFAULT_TIMEOUT) -> Result:
        """Opens the result of a computation that is DONE, however old; raises its failure, or Conflict before that."""
        deadline = Deadline(timeout)
        return self._opened(self._get(computation_id(computation), deadline), deadline)

    def attachments(self, computation: str, timeout: float = DEFAULT_TIMEOUT) -> Mapping[PartyId, bytes]:
        """By node, what it added to its share of a result that is DONE: notices for others, which stay sealed."""
        deadline = Deadline(timeout)
        found = self._get(computation_id(computation), deadline)
        return self.desk.attachments(found, self._sealed(found, deadline))

    def contribute(
        self,
        path: Path | str,
        party: str,
        dataset: str,
        columns: Sequence[str] = (),
        *,
        schema: Path | str | None = None,
        days: int = 30,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Contribution:
        """Seals a file's number columns, or some, for the nodes, as what the firm `party` has; waits until all have it.

        The firm's keys lie in this profile and are made, and vouched for, at the first use.  Raises what a node that
        refuses says.
        """
        from steelyard.functions.record import PURPOSE

        from .firm_table import read_table

        found = read_table(Path(path), columns, Path(schema) if schema else None)

        def seal(firm: Firm) -> Bundle:
            return firm.seal(
                found.layers, dataset=dataset, purpose=PURPOSE, columns=found.columns, rows=found.rows, days=days
            )

        return self.bring(party, seal, timeout)

    def answer(
        self,
        call: Signed,
        path: Path | str,
        party: str,
        *,
        schema: Path | str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Contribution:
        """Answers a call as the firm `party`, from a file of its statements; waits until all nodes have the answer.

        The firm's signature is its consent to this one request.  Raises as `clients.sdk.calls` does.
        """
        from . import calls

        known = calls.read(call, self.desk.membership)
        found = known.answer(party, Path(path), Path(schema) if schema else None)
        return self.bring(party, lambda firm: known.seal(firm, found), timeout)

    def bring(self, party: str, seal: Callable[[Firm], Bundle], timeout: float = DEFAULT_TIMEOUT) -> Contribution:
        """Hands in what a firm of this profile seals, and waits until all nodes have it; seals again for a new key."""
        deadline = Deadline(timeout)
        while True:
            self.learn_keys()
            (identifier,) = self.hand_in([seal(self.firm(party))])
            try:
                return self._delivered(identifier, deadline)
            except KeyReplaced:  # the coordinator has not heard of the new key yet
                if deadline.passed:
                    raise
                time.sleep(_AGAIN)

    def firm(self, party: str) -> Firm:
        """A contributor that this requester sponsors, its keys in this profile; made and registered if need be."""
        from .firm import Firm  # takes longer to import than a question to answer

        firm = Firm.of(self.desk.profile, party, under=self.desk.membership, known=self._known)
        if firm.registration is None:
            firm.adopt(self.desk.vouch(firm.draft(self.desk.requester)))
        return firm

    def learn_keys(self) -> None:
        """Takes the nodes' newest sealing keys from the coordinator, for what is sealed in this profile from now on.

        Raises Unauthenticated for one that its node did not sign, Cheated for one older than what is known here.
        """
        from .known_keys import learn

        request = pb.ListPartiesRequest()
        answer = self._line.call(lambda stub: stub.ListParties(request, timeout=CALL))
        self._known = learn(self.desk.profile.path, self.desk.membership, wire.sealing_keys(answer.parties))

    def hand_in(self, bundles: Iterable[Bundle], timeout: float = HAND_IN) -> tuple[str, ...]:
        """Hands sealed contributions in: the coordinator keeps them until the nodes have taken them.  Their ids."""
        known = tuple(bundles)

        def requests() -> Iterator[pb.ContributeRequest]:
            for bundle in known:
                for chunk in codec.bundle_to_chunks(bundle):
                    yield pb.ContributeRequest(chunk=chunk)

        return tuple(self._line.call(lambda stub: stub.Contribute(requests(), timeout=timeout)).ids)

    def contributions(self, limit: int = _NEWEST) -> tuple[Contribution, ...]:
        """Those that I sponsor, newest first, and which nodes have taken them."""
        return tuple(islice(self._brought(min(limit, _PAGE)), limit))

    def unanswered(self, call: Signed) -> tuple[PartyId, ...]:
        """Firms called of whom no answer is known that all nodes have taken; only of firms that I sponsor is one known.

        The first result ends a call: `run` it when these are nobody, or those who shall be `missing`.
        """
        from . import calls

        return calls.read(call, self.desk.membership).unanswered(self._brought(_PAGE))

    def parties(self) -> tuple[Party, ...]:
        """The parties of the consortium, whether they answer, and what they describe."""
        return self._parties(Deadline(CALL))

    def sharings(self) -> tuple[Sharing, ...]:
        """The stored sharings, as the nodes that answer describe them."""
        return self._sharings(Deadline(CALL))

    def sharing(self, name: str) -> Sharing:
        """One of them; raises NotFound."""
        return named(self.sharings(), name)

    def _brought(self, size: int) -> Iterator[Contribution]:
        """All contributions that I sponsor, newest first, in pages of this size."""
        token = ""
        while True:
            answer = self._contributions(pb.ListContributionsRequest(page_size=size, page_token=token))
            yield from map(wire.contribution, answer.contributions)
            token = answer.next_page_token
            if not token:
                return

    def _contributions(self, request: pb.ListContributionsRequest) -> pb.ListContributionsResponse:
        return self._line.call(lambda stub: stub.ListContributions(request, timeout=CALL))

    def _delivered(self, identifier: str, deadline: Deadline) -> Contribution:
        """Once all nodes have said what becomes of it; as it stands when the time is up."""
        while True:
            found = next(each for each in self.contributions(_NEWEST) if each.id == identifier)
            if found.refused:
                raise found.refused[0].error()
            if not found.waiting or deadline.passed:
                return found
            time.sleep(_PAUSE)

    def _page(self, request: pb.ListComputationsRequest) -> pb.ListComputationsResponse:
        return self._line.call(lambda stub: stub.ListComputations(request, timeout=CALL))

    def _sharings(self, deadline: Deadline) -> tuple[Sharing, ...]:
        return sharings_of(self._parties(deadline), self.desk.membership.threshold)

    def _signed(self, asked: Question, deadline: Deadline) -> Signed:
        if asked.needs_groups:
            asked = asked.with_groups_of(self._parties(deadline)).checked()
        if asked.needs_column:
            asked = asked.with_column_of(self._sharings(deadline)).checked()
        if asked.needs_epoch:
            asked = asked.with_epoch_of(self._sharings(deadline)).checked()
        return self.desk.sign(asked)

    def _run(self, signed: Signed, deadline: Deadline, on_progress: OnProgress | None) -> Result:
        try:
            created = self._create(signed, deadline)
            computation = self._follow(created, deadline, on_progress)
        except KeyboardInterrupt:
            self._withdraw(self.desk.id_of(signed))
            raise
        return self._opened(computation, deadline)

    def _create(self, signed: Signed, deadline: Deadline) -> Computation:
        message = self.desk.creation(signed)
        answer = self._line.call(lambda stub: stub.CreateComputation(message, timeout=deadline.call()))
        return self.desk.computation(answer.computation, self.desk.id_of(signed))

    def _get(self, computation: str, deadline: Deadline) -> Computation:
        request = pb.GetComputationRequest(id=computation)
        answer = self._line.call(lambda stub: stub.GetComputation(request, timeout=deadline.call()))
        return self.desk.computation(answer.computation, computation)

    def _cancel(self, computation: str, timeout: float) -> Computation:
        request = pb.CancelComputationRequest(id=computation)
        answer = self._line.call(lambda stub: stub.CancelComputation(request, timeout=timeout))
        return self.desk.computation(answer.computation, computation)

    def _parties(self, deadline: Deadline) -> tuple[Party, ...]:
        request = pb.ListPartiesRequest()
        answer = self._line.call(lambda stub: stub.ListParties(request, timeout=deadline.call()))
        return tuple(wire.party(each) for each in answer.parties)

    def _follow(self, created: Computation, deadline: Deadline, on_progress: OnProgress | None) -> Computation:
        last = created
        for last in self._watch(created.id, deadline, created):
            if on_progress is not None:
                on_progress(last)
        return last

    def _watch(self, computation: str, deadline: Deadline, last: Computation | None = None) -> Iterator[Computation]:
        """As `watch`; `last` is what was known of the computation before."""
        try:
            for last in self._seen(computation, deadline):
                yield last
        except TimedOut:
            if last is None:
                raise
            raise self.desk.too_late(last, deadline.seconds) from None

    def _seen(self, computation: str, deadline: Deadline) -> Iterator[Computation]:
        patience = Patience(deadline)
        request = pb.WatchComputationRequest(id=computation)
        while True:
            try:
                for message in self._changes(request, deadline):
                    patience.answered()
                    shown = self.desk.computation(message.computation, computation, message.results)
                    yield shown
                    if shown.ended:
                        return
                raise self.desk.cut_off()
            except Failed as error:
                time.sleep(patience.pause(error))

    def _changes(
        self, request: pb.WatchComputationRequest, deadline: Deadline
    ) -> Iterator[pb.WatchComputationResponse]:
        with self._line.translated():
            call = self._line.stub().WatchComputation(request, timeout=deadline.left())
            try:
                yield from call
            finally:
                call.cancel()

    def _opened(self, computation: Computation, deadline: Deadline) -> Result:
        return self.desk.open(computation, self._sealed(computation, deadline))

    def _sealed(self, computation: Computation, deadline: Deadline) -> tuple[SealedResult, ...]:
        self.desk.require_result(computation)
        if computation.sealed:
            return computation.sealed
        request = pb.FetchResultsRequest(id=computation.id)

        def fetch(stub: CoordinatorServiceStub) -> tuple[SealedResult, ...]:
            answers = stub.FetchResults(request, timeout=deadline.left())
            return self.desk.assembled(each.chunk for each in answers)

        patience = Patience(deadline)  # done is done: a coordinator that is being restarted has kept it
        while True:
            try:
                return self._line.call(fetch)
            except Failed as error:
                time.sleep(patience.pause(error))

    def _withdraw(self, computation: str) -> None:
        with suppress(SteelyardError):
            self._cancel(computation, _WITHDRAW)
