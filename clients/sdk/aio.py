"""`AsyncClient`: what `Client` does, awaited, on grpc.aio.  Use it in the event loop that made it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar, Unpack

import grpc.aio

from steelyard.documents.signed import Signed
from steelyard.errors import Failed, SteelyardError, TimedOut, Unreachable
from steelyard.ids import computation_id
from steelyard.rpc.channel import PinnedChannel
from steelyard.rpc.status import from_rpc_error
from steelyard.v1 import coordinator_pb2 as pb
from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceStub

from . import wire
from .deadlines import CALL, Deadline, Patience
from .desk import Desk, Pages
from .profile import Profile
from .questions import (
    AMOUNT,
    DEFAULT_TIMEOUT,
    FIRM,
    Asked,
    OnProgress,
    Question,
    Wanted,
    beside,
    contributors,
    normal,
    plainly,
    question,
    with_options,
)
from .results import Computation, Party, Result
from .sharings import Sharing, named, sharings_of

if TYPE_CHECKING:
    from steelyard.setoff.terms import Terms
    from steelyard.v1.coordinator_pb2_grpc import CoordinatorServiceAsyncStub  # the generated module has only its type

T = TypeVar("T")

_WITHDRAW: Final = 1.0  # seconds that a cancelled caller waits for its cancellation
_NEWEST: Final = 100


class AsyncClient:
    """A requester's way to the coordinator; use it as an async context manager.  See `Client` for what methods mean."""

    def __init__(self, desk: Desk) -> None:
        self.desk: Final = desk
        self._channel = PinnedChannel(desk.home.path, desk.coordinator)

    @classmethod
    def from_profile(cls, path: Path | str) -> Self:
        """A client for the profile in a directory.  Connects at the first call."""
        return cls(Desk(Profile.open(path)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def sum(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        return await self.ask("sum", dataset, column, **asked)

    async def count(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        return await self.ask("count", dataset, column, **asked)

    async def mean(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        return await self.ask("mean", dataset, column, **asked)

    async def exceeds(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        return await self.ask("exceeds", dataset, column, **asked)

    async def stats(
        self,
        dataset: str,
        column: str | None = None,
        *,
        quantiles: Sequence[str | float | Decimal] = (),
        median: bool = True,
        **asked: Unpack[Asked],
    ) -> Result:
        options = with_options(asked, quantiles=[str(each) for each in quantiles], median=median)
        return await self.ask("stats", dataset, column, **options)

    async def histogram(
        self, dataset: str, column: str | None = None, *, edges: Sequence[str | int | Decimal], **asked: Unpack[Asked]
    ) -> Result:
        return await self.ask("histogram", dataset, column, **with_options(asked, edges=[str(each) for each in edges]))

    async def hhi(self, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        return await self.ask("hhi", dataset, column, **asked)

    async def correlate(self, column: str, other: str, **asked: Unpack[Asked]) -> Result:
        return await self.ask("correlate", column, **with_options(asked, other=beside(column, [other])[0]))

    async def regress(self, column: str, on: Sequence[str], **asked: Unpack[Asked]) -> Result:
        return await self.ask("regress", column, **with_options(asked, on=beside(column, on)))

    async def compare(
        self, dataset: str, column: str | None = None, *, than: str = "", than_column: str = "", **asked: Unpack[Asked]
    ) -> Result:
        (other,) = beside(dataset, [than_column])
        return await self.ask("compare", dataset, column, **with_options(asked, than=normal(than), than_column=other))

    async def top(
        self, dataset: str, column: str | None = None, *, count: int = 3, values: bool = False, **asked: Unpack[Asked]
    ) -> Result:
        return await self.ask("top", dataset, column, **with_options(asked, count=count, values=values))

    async def auction(
        self, dataset: str, column: str = "price", *, prices: tuple[str, str, str], **asked: Unpack[Asked]
    ) -> Result:
        low, high, tick = prices
        return await self.ask("auction", dataset, column, **with_options(asked, low=low, high=high, tick=tick))

    async def ratio(
        self,
        ratios: Sequence[str],
        *,
        subjects: Sequence[str] = (),
        dataset: str = "statements",
        **asked: Unpack[Asked],
    ) -> Result:
        """Ratios of firms' encrypted statements: `ratio(["current", "roa"], subjects=["firm-a"]).value["firms"]`.

        `options` may name the `year`, fewer `decimals`, and switch off the check of the `balance`.
        """
        options = with_options(asked, ratios=list(ratios), subjects=list(subjects))
        return await self.ask("ratio", dataset, FIRM, **options)

    async def score(
        self,
        weights: Mapping[str, float],
        *,
        subjects: Sequence[str] = (),
        dataset: str = "statements",
        **asked: Unpack[Asked],
    ) -> Result:
        """Scores by your own model, whose weights nobody else sees: `score({"ebit": 6.72, "constant": 3.25})`.

        `options` as for `ratio`, with at most 3 decimals.
        """
        options = with_options(asked, **self.desk.sealed_weights(weights), subjects=list(subjects))
        return await self.ask("score", dataset, FIRM, **options)

    async def benchmark(
        self, subject: str, ratio: str, *, percentile: bool = False, dataset: str = "statements", **asked: Unpack[Asked]
    ) -> Result:
        """How far a firm's ratio is from the mean of its peers, at least five, or its percentile among them."""
        options = with_options(asked, subject=subject, ratio=ratio, percentile=percentile)
        return await self.ask("benchmark", dataset, FIRM, **options)

    async def set_off(self, terms: Terms, **asked: Unpack[Asked]) -> Result:
        """Clears what firms have said under these terms: `set_off(rounds.terms("october"), options={"steps": 800})`.

        Firms contribute with `clients.sdk.rounds`; `options` as `steelyard.functions.set_off.Round` has them.
        """
        return await self.ask("set_off", terms.round, AMOUNT, **with_options(asked, terms=plainly(terms)))

    async def netting(
        self,
        banks: Sequence[str],
        *,
        mode: str = "gridlock",
        decimals: int = 0,
        dataset: str = "payments",
        **asked: Unpack[Asked],
    ) -> Result:
        """Nets the queues that banks have contributed (`clients.sdk.netting`), the banks in their agreed order.

        `mode` is gridlock, positions, or settles for one bit; `options` may set how many `passes` it takes at most.
        """
        options = with_options(asked, banks=contributors(banks), mode=mode, decimals=decimals)
        return await self.ask("netting", dataset, AMOUNT, **options)

    async def ask(self, function: str, dataset: str, column: str | None = None, **asked: Unpack[Asked]) -> Result:
        """Creates a computation, waits for its end and opens the result; a cancelled task cancels the computation."""
        deadline = Deadline(asked.get("timeout", DEFAULT_TIMEOUT))
        signed = await self._signed(question(function, dataset, column, asked), deadline)
        return await self._run(signed, deadline, asked.get("on_progress"))

    async def call(self, function: str, dataset: str, column: str | None = None, **wanted: Unpack[Wanted]) -> Signed:
        return await self._signed(question(function, dataset, column, wanted), Deadline(CALL))

    async def run(
        self,
        call: Signed,
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109  # as Client's
        on_progress: OnProgress | None = None,
    ) -> Result:
        return await self._run(self.desk.again(call), Deadline(timeout), on_progress)

    async def create(
        self, function: str, dataset: str, column: str | None = None, **wanted: Unpack[Wanted]
    ) -> Computation:
        deadline = Deadline(CALL)
        return await self._create(await self._signed(question(function, dataset, column, wanted), deadline), deadline)

    async def get(self, computation: str) -> Computation:
        return await self._get(computation_id(computation), Deadline(CALL))

    async def list(self, limit: int = _NEWEST) -> tuple[Computation, ...]:
        pages = Pages(self.desk, limit)
        while (request := pages.next_request()) is not None:
            pages.add(await self._page(request))
        return pages.found

    def watch(self, computation: str, timeout: float = DEFAULT_TIMEOUT) -> AsyncIterator[Computation]:
        return self._watch(computation_id(computation), Deadline(timeout))

    async def cancel(self, computation: str) -> Computation:
        return await self._cancel(computation_id(computation), CALL)

    async def results(self, computation: str, timeout: float = DEFAULT_TIMEOUT) -> Result:  # noqa: ASYNC109  # as Client's
        deadline = Deadline(timeout)
        return await self._opened(await self._get(computation_id(computation), deadline), deadline)

    async def parties(self) -> tuple[Party, ...]:
        return await self._parties(Deadline(CALL))

    async def sharings(self) -> tuple[Sharing, ...]:
        return await self._sharings(Deadline(CALL))

    async def sharing(self, name: str) -> Sharing:
        return named(await self.sharings(), name)

    async def _page(self, request: pb.ListComputationsRequest) -> pb.ListComputationsResponse:
        return await self._call(lambda stub: stub.ListComputations(request, timeout=CALL))

    async def _sharings(self, deadline: Deadline) -> tuple[Sharing, ...]:
        return sharings_of(await self._parties(deadline), self.desk.membership.threshold)

    async def _signed(self, asked: Question, deadline: Deadline) -> Signed:
        if asked.needs_groups:
            asked = asked.with_groups_of(await self._parties(deadline)).checked()
        if asked.needs_column:
            asked = asked.with_column_of(await self._sharings(deadline)).checked()
        if asked.needs_epoch:
            asked = asked.with_epoch_of(await self._sharings(deadline)).checked()
        return self.desk.sign(asked)

    async def _run(self, signed: Signed, deadline: Deadline, on_progress: OnProgress | None) -> Result:
        try:
            created = await self._create(signed, deadline)
            computation = await self._follow(created, deadline, on_progress)
        except asyncio.CancelledError:
            await self._withdraw(self.desk.id_of(signed))
            raise
        return await self._opened(computation, deadline)

    async def _create(self, signed: Signed, deadline: Deadline) -> Computation:
        message = self.desk.creation(signed)
        answer = await self._call(lambda stub: stub.CreateComputation(message, timeout=deadline.call()))
        return self.desk.computation(answer.computation, self.desk.id_of(signed))

    async def _get(self, computation: str, deadline: Deadline) -> Computation:
        request = pb.GetComputationRequest(id=computation)
        answer = await self._call(lambda stub: stub.GetComputation(request, timeout=deadline.call()))
        return self.desk.computation(answer.computation, computation)

    async def _cancel(self, computation: str, seconds: float) -> Computation:
        request = pb.CancelComputationRequest(id=computation)
        answer = await self._call(lambda stub: stub.CancelComputation(request, timeout=seconds))
        return self.desk.computation(answer.computation, computation)

    async def _parties(self, deadline: Deadline) -> tuple[Party, ...]:
        request = pb.ListPartiesRequest()
        answer = await self._call(lambda stub: stub.ListParties(request, timeout=deadline.call()))
        return tuple(wire.party(each) for each in answer.parties)

    async def _follow(self, created: Computation, deadline: Deadline, on_progress: OnProgress | None) -> Computation:
        last = created
        async for last in self._watch(created.id, deadline, created):
            if on_progress is not None:
                on_progress(last)
        return last

    async def _watch(
        self, computation: str, deadline: Deadline, last: Computation | None = None
    ) -> AsyncIterator[Computation]:
        """As `watch`; `last` is what was known of the computation before."""
        try:
            async for last in self._seen(computation, deadline):
                yield last
        except TimedOut:
            if last is None:
                raise
            raise self.desk.too_late(last, deadline.seconds) from None

    async def _seen(self, computation: str, deadline: Deadline) -> AsyncIterator[Computation]:
        patience = Patience(deadline)
        request = pb.WatchComputationRequest(id=computation)
        while True:
            try:
                async for message in self._changes(request, deadline):
                    patience.answered()
                    shown = self.desk.computation(message.computation, computation, message.results)
                    yield shown
                    if shown.ended:
                        return
                raise self.desk.cut_off()
            except Failed as error:
                await asyncio.sleep(patience.pause(error))

    async def _changes(
        self, request: pb.WatchComputationRequest, deadline: Deadline
    ) -> AsyncIterator[pb.WatchComputationResponse]:
        with self._translated():
            call = (await self._stub()).WatchComputation(request, timeout=deadline.left())
            try:
                async for answer in call:
                    yield answer
            finally:
                call.cancel()

    async def _opened(self, computation: Computation, deadline: Deadline) -> Result:
        self.desk.require_result(computation)
        if computation.sealed:
            return await asyncio.to_thread(self.desk.open, computation, computation.sealed)
        request = pb.FetchResultsRequest(id=computation.id)

        async def fetch(stub: CoordinatorServiceAsyncStub) -> list[pb.FetchResultsResponse]:
            return [each async for each in stub.FetchResults(request, timeout=deadline.left())]

        patience = Patience(deadline)  # done is done: a coordinator that is being restarted has kept it
        while True:
            try:
                answers = await self._call(fetch)
                break
            except Failed as error:
                await asyncio.sleep(patience.pause(error))
        sealed = self.desk.assembled(each.chunk for each in answers)
        return await asyncio.to_thread(self.desk.open, computation, sealed)

    async def _withdraw(self, computation: str) -> None:
        with suppress(SteelyardError):
            await self._cancel(computation, _WITHDRAW)

    async def _call(self, use: Callable[[CoordinatorServiceAsyncStub], Awaitable[T]]) -> T:
        """`use(stub)`; what breaks off is done once more, after another look at the server."""
        try:
            return await self._once(use)
        except Unreachable:
            return await self._once(use)

    async def _once(self, use: Callable[[CoordinatorServiceAsyncStub], Awaitable[T]]) -> T:
        with self._translated():
            return await use(await self._stub())

    async def _stub(self) -> CoordinatorServiceAsyncStub:
        return CoordinatorServiceStub(await self._channel.get())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            translated = from_rpc_error(error, self.desk.coordinator.who)
            if isinstance(translated, Unreachable):
                self._channel.suspect()
            raise translated from None
