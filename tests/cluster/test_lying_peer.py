"""A bank whose node lies on its peer streams: the computation ends named and in time, and the liar's peers live on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest
from msgspec.structs import replace

from steelyard.rpc import frames
from steelyard.rpc.frames import FRAME_BYTES, Frame, decode
from steelyard.rpc.links import StreamLink
from steelyard.v1.peer_pb2 import Abort
from tests.cluster import samples, scenarios
from tests.cluster.in_process import InProcess
from tests.cluster.runner import PARTIES

pytestmark = pytest.mark.xdist_group("in_process")

LIAR: Final = "bank-b"
HONEST: Final = tuple(party for party in PARTIES if party != LIAR)
BOUND: Final = 45.0  # seconds: three attempts, each with four of patience; the coordinator would give it sixty

Lie = Callable[[Frame], Sequence[Frame | bytes]]


def name(lie: Lie) -> str:
    return lie.__name__


def changed(frame: Frame, **fields: Any) -> Frame:
    return replace(frame, body=bytes(fields.pop("body", frame.body)), **fields)


def says_a_length_it_does_not_keep(frame: Frame) -> list[Frame]:
    return [changed(frame, length=frame.length - 1)]


def sends_a_shorter_message(frame: Frame) -> list[Frame]:
    return [changed(frame, body=frame.body[:-8], length=frame.length - 8)]


def sends_a_longer_message(frame: Frame) -> list[Frame]:
    return [changed(frame, body=bytes(frame.body) + bytes(8), length=frame.length + 8)]


def sends_an_empty_message(frame: Frame) -> list[Frame]:
    return [changed(frame, body=b"", length=0)]


def sends_values_outside_the_field(frame: Frame) -> list[Frame]:
    return [changed(frame, body=bytes(frame.body[:-8]) + b"\xff" * 8)]


def sends_other_values(frame: Frame) -> list[Frame]:
    return [changed(frame, body=bytes(frame.body[:-8]) + bytes([frame.body[-8] ^ 1]) + bytes(frame.body[-7:]))]


def sends_another_rounds_frame(frame: Frame) -> list[Frame]:
    return [changed(frame, round=frame.round + 100)]


def sends_another_steps_frame(frame: Frame) -> list[Frame]:
    return [changed(frame, step="elsewhere")]


def sends_another_branchs_frame(frame: Frame) -> list[Frame]:
    return [changed(frame, branch=100)]


def sends_everything_twice(frame: Frame) -> list[Frame]:
    return [frame, frame]


def leaves_a_gap(frame: Frame) -> list[Frame]:
    return [changed(frame, offset=8)]


def announces_too_much(frame: Frame) -> list[Frame]:
    return [changed(frame, length=1 << 40)]


def sends_too_much_at_once(frame: Frame) -> list[Frame]:
    return [changed(frame, body=bytes(4 * FRAME_BYTES), length=4 * FRAME_BYTES)]


def sends_no_document(frame: Frame) -> list[Frame]:
    return [changed(frame, body=b"[" * len(frame.body))]


def sends_another_computations_id(frame: Frame) -> list[Frame]:
    return [changed(frame, attempt=bytes(16))]


def sends_an_attempt_that_is_none(frame: Frame) -> list[Frame]:
    return [changed(frame, attempt=b"short")]


def sends_nothing(frame: Frame) -> list[Frame]:
    return []


def accuses_somebody_else(frame: Frame) -> list[Frame]:
    abort = Abort(reason="CHEATED", message="it was bank-c", culprits=["bank-c"])
    return [Frame(attempt=frame.attempt, abort=abort)]


def written(frame: Frame) -> bytes:
    """As an honest node writes it, but that nobody looks whether it is honest."""
    step, body = frame.step.encode(), frame.abort.SerializeToString() if frame.abort else bytes(frame.body)
    numbers = frame.branch, frame.round, frame.length, frame.offset, len(body), len(step), int(frame.abort is not None)
    contents = frames._HEAD.pack(frame.attempt, *numbers) + step + body
    return bytes([frames._TAG]) + frames._varint(len(contents)) + contents


def is_cut_short(frame: Frame) -> list[bytes]:
    return [written(frame)[:-1]]


def goes_on_after_the_end(frame: Frame) -> list[bytes]:
    return [written(frame) + b"x"]


def is_of_another_kind(frame: Frame) -> list[bytes]:
    contents = bytearray(written(frame))
    contents[-len(frame.body) - len(frame.step) - 1] = 2
    return [bytes(contents)]


@contextmanager
def lying(runner: InProcess, step: str, lie: Lie) -> Iterator[None]:
    """From now on the liar's node sends what `lie` makes of every frame of a step."""
    links = runner.nodes[LIAR].links._links
    true = {peer: link._write for peer, link in links.items()}

    def liar(link: StreamLink) -> Callable[[bytes], Any]:
        tell = link._write

        async def write(message: bytes) -> None:
            for frame in decode(message):
                for each in lie(frame) if frame.step == step else [frame]:
                    await tell(each if isinstance(each, bytes) else written(each))

        return write

    for link in links.values():
        link._write = liar(link)
    try:
        yield
    finally:
        for peer, link in links.items():
            if peer in true:
                link._write = true[peer]


def ends_named(runner: InProcess, step: str, lie: Lie, codes: tuple[int, ...]) -> dict[str, Any]:
    began = time.monotonic()
    with lying(runner, step, lie):
        answer = runner.ask("sum", "accounts.balance", timeout=BOUND)
    assert time.monotonic() - began < BOUND
    assert answer.code in codes, answer
    assert answer.names(LIAR), answer
    assert scenarios.newest(runner)["state"] == "ABORTED"
    scenarios.again(runner)
    return answer.error


MALFORMED: Final = [
    says_a_length_it_does_not_keep,
    sends_an_empty_message,
    sends_another_rounds_frame,
    sends_another_steps_frame,
    sends_another_branchs_frame,
    leaves_a_gap,
    announces_too_much,
    sends_too_much_at_once,
    is_cut_short,
    goes_on_after_the_end,
    is_of_another_kind,
]


@pytest.mark.parametrize("lie", [*MALFORMED, sends_no_document, sends_a_shorter_message], ids=name)
@pytest.mark.parametrize("step", ["deal"])
def test_what_no_honest_peer_sends_ends_the_computation(in_process: InProcess, step: str, lie: Lie) -> None:
    error = ends_named(in_process, step, lie, codes=(6,))
    assert LIAR in [*error["culprits"], *error["suspects"]], error


@pytest.mark.parametrize("lie", [sends_values_outside_the_field, sends_a_longer_message], ids=name)
@pytest.mark.parametrize("step", ["deal", "check"])
def test_a_vector_that_is_none_ends_the_computation(in_process: InProcess, step: str, lie: Lie) -> None:
    error = ends_named(in_process, step, lie, codes=(6,))
    assert LIAR in [*error["culprits"], *error["suspects"]], error


def test_a_wrong_share_is_noticed_before_it_is_used(in_process: InProcess) -> None:
    error = ends_named(in_process, "deal", sends_other_values, codes=(6,))
    assert LIAR in [*error["culprits"], *error["suspects"]], error


@pytest.mark.parametrize(
    "lie",
    [sends_nothing, sends_another_computations_id, sends_an_attempt_that_is_none],
    ids=name,
)
def test_silence_is_named_and_bounded(in_process: InProcess, lie: Lie) -> None:
    ends_named(in_process, "deal", lie, codes=(5,))


def test_who_is_silent_is_named_though_it_misses_the_others_first(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process.nodes[LIAR].engine, "_patience", 2.0)
    error = ends_named(in_process, "deal", sends_nothing, codes=(5,))
    assert error["party"] == LIAR, error


def test_an_accusation_alone_does_not_make_a_culprit(in_process: InProcess) -> None:
    """Who gives up and blames another is a suspect, too."""
    error = ends_named(in_process, "deal", accuses_somebody_else, codes=(6,))
    assert "bank-c" not in error["culprits"], error
    assert LIAR in error["suspects"], error


@pytest.mark.parametrize(
    "lie",
    [sends_values_outside_the_field, sends_other_values, sends_nothing, *MALFORMED],
    ids=name,
)
def test_a_lie_about_which_cells_to_suppress_ends_the_computation(in_process: InProcess, lie: Lie) -> None:
    with lying(in_process, "suppressed", lie):
        answer = in_process.ask("sum", "accounts.balance", where="segment = 'retail'", timeout=BOUND)
    assert answer.code in (5, 6), answer
    assert answer.names(LIAR)
    scenarios.again(in_process)


@pytest.mark.parametrize("lie", [sends_other_values, sends_nothing, *MALFORMED], ids=name)
def test_a_vote_that_is_none_counts_for_nothing(in_process: InProcess, lie: Lie) -> None:
    with lying(in_process, "vote", lie):
        answer = in_process.ask("sum", "accounts.balance", timeout=BOUND)
    assert answer.code == 6 or answer.result == {"total": samples.TOTAL}, answer
    assert answer.code == 0 or answer.names(LIAR)
    scenarios.again(in_process)
