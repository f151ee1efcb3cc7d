"""Errors survive the wire; what strangers send as an error is tamed."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from steelyard.errors import Cheated, Failed, Overloaded, SteelyardError, TimedOut, Unauthenticated, Unreachable, tree
from steelyard.rpc import status
from steelyard.v1 import types_pb2


class RpcError(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode | None, metadata: Any = ()) -> None:
        super().__init__()
        self._code, self._metadata = code, metadata

    def code(self) -> grpc.StatusCode | None:
        return self._code

    def details(self) -> str:
        return "details"

    def trailing_metadata(self) -> Any:
        return self._metadata


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.reason)
def test_every_error_comes_back_as_itself(kind: type[SteelyardError]) -> None:
    error = kind("a sentence", party="bank-a", culprits=["bank-b"], suspects=["bank-c", "bank-d"])
    back = status.failure_from_proto(status.failure_to_proto(error))
    assert type(back) is kind
    assert (back.message, back.party, back.culprits, back.suspects) == (
        "a sentence",
        "bank-a",
        ("bank-b",),
        ("bank-c", "bank-d"),
    )
    assert grpc.StatusCode[kind.status]


def test_the_attached_failure_counts_more_than_the_code() -> None:
    failure = status.failure_to_proto(Cheated("no", culprits=["bank-b"]))
    error = RpcError(grpc.StatusCode.UNAVAILABLE, ((status.KEY, failure.SerializeToString()),))
    meant = status.from_rpc_error(error, "bank-a")
    assert type(meant) is Cheated
    assert (meant.party, meant.culprits) == ("bank-a", ("bank-b",))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Unreachable),
        (grpc.StatusCode.CANCELLED, Unreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TimedOut),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, Unauthenticated),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.UNIMPLEMENTED, Failed),
        (grpc.StatusCode.INTERNAL, Failed),
        (None, Failed),
    ],
)
def test_a_bare_status_code_names_who_was_called(code: grpc.StatusCode | None, kind: type[SteelyardError]) -> None:
    meant = status.from_rpc_error(RpcError(code), "bank-a")
    assert type(meant) is kind
    assert "bank-a" in meant.message
    assert meant.party == "bank-a"


@pytest.mark.parametrize("metadata", [None, ((status.KEY, b"\xff\xff"),), (("other", "text"),)])
def test_foreign_metadata_is_ignored(metadata: Any) -> None:
    meant = status.from_rpc_error(RpcError(grpc.StatusCode.UNAVAILABLE, metadata), "bank-a")
    assert type(meant) is Unreachable


def test_a_hostile_failure_reaches_no_terminal_as_it_is() -> None:
    failure = types_pb2.Failure(
        reason="REFUSED", message="\x1b[2Jgone" + "x" * 5000, party="bank\n-a", culprits=["c" * 100] * 500
    )
    meant = status.failure_from_proto(failure)
    assert "\x1b" not in meant.message
    assert len(meant.message) == status.MAX_TEXT
    assert "\n" not in meant.party
    assert len(meant.culprits) == status.MAX_NAMES
    assert len(meant.culprits[0]) == 40


def test_an_unknown_reason_is_the_root_of_the_tree() -> None:
    assert type(status.failure_from_proto(types_pb2.Failure(reason="FROM_THE_FUTURE"))) is SteelyardError
