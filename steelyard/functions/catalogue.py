"""What there is to ask: functions by name."""

from __future__ import annotations

from typing import Any, Final

from steelyard import records
from steelyard.documents.request import Request
from steelyard.errors import Invalid
from steelyard.functions.aggregate import Aggregate, Aggregation
from steelyard.functions.auction import Auction, Book
from steelyard.functions.benchmark import Benchmark, Peers
from steelyard.functions.check import Check
from steelyard.functions.compare import Compare, Sides
from steelyard.functions.correlate import Correlate, Pair
from steelyard.functions.exceeds import Exceeds, Limit
from steelyard.functions.finality import Final as Declared
from steelyard.functions.finality import Finality
from steelyard.functions.forget import Forget
from steelyard.functions.hhi import Concentration, Hhi
from steelyard.functions.histogram import Bins, Histogram
from steelyard.functions.netting import Netting, Payments
from steelyard.functions.question import Question
from steelyard.functions.ratio import Ratio, Ratios
from steelyard.functions.recover import Recover
from steelyard.functions.refresh import Refresh
from steelyard.functions.regress import Explained, Regress
from steelyard.functions.reshare import Reshare
from steelyard.functions.score import Score, Scores
from steelyard.functions.selection import Selection
from steelyard.functions.set_off import Round, SetOff
from steelyard.functions.share import Share, Shared
from steelyard.functions.stats import Statistics, Stats
from steelyard.functions.top import Ranking, Top
from steelyard.functions.train import Train, Training
from steelyard.functions.upkeep import Holders, Lost, Whole

FUNCTIONS: Final[dict[str, tuple[type[Selection], type[Question[Any]]]]] = {
    "sum": (Aggregate, Aggregation),
    "count": (Aggregate, Aggregation),
    "mean": (Aggregate, Aggregation),
    "exceeds": (Limit, Exceeds),
    "stats": (Statistics, Stats),
    "histogram": (Bins, Histogram),
    "hhi": (Concentration, Hhi),
    "correlate": (Pair, Correlate),
    "regress": (Explained, Regress),
    "compare": (Sides, Compare),
    "top": (Ranking, Top),
    "auction": (Book, Auction),
    "share": (Shared, Share),
    "refresh": (Whole, Refresh),
    "recover": (Lost, Recover),
    "reshare": (Holders, Reshare),
    "audit": (Whole, Check),
    "forget": (Whole, Forget),
    "ratio": (Ratios, Ratio),
    "score": (Scores, Score),
    "benchmark": (Peers, Benchmark),
    "train": (Training, Train),
    "netting": (Payments, Netting),
    "set_off": (Round, SetOff),
    "finality": (Declared, Finality),
}


def question_of(request: Request) -> Question[Any]:
    """The question of a request; raises Invalid for arguments that are not its function's."""
    return question(request.function, request.arguments)


def question(function: str, arguments: dict[str, Any]) -> Question[Any]:
    """As `question_of`, before there is a request."""
    if function not in FUNCTIONS:
        raise Invalid(f"there is no function {function}")
    kind, made = FUNCTIONS[function]
    try:
        wanted = records.from_plain(arguments, kind)
    except records.DecodeError as error:
        raise Invalid(f"the arguments of {function} are wrong: {error}") from None
    wanted.check()
    return made(function, wanted)
