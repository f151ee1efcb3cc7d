"""Who may call what on running servers: everybody else is refused at every method, and so are wrong requests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor

from steelyard.documents.signed import Signed, sign
from steelyard.errors import Conflict, SteelyardError, Unauthenticated
from steelyard.identity.certificates import Role
from steelyard.identity.entries import Joiner
from steelyard.identity.homes import Home
from steelyard.v1 import node_pb2
from tests.cluster.hostile import DESK, NODE, PEER, Hostile, later, methods
from tests.cluster.in_process import InProcess
from tests.cluster.runner import COORDINATOR, PARTIES

pytestmark = pytest.mark.xdist_group("in_process")

OWNERS: Final = (
    "ImportDataset",
    "ListDatasets",
    "DeleteDataset",
    "ListRequests",
    "DecideRequest",
    "ReadAudit",
    "ReadLedger",
)
OPERATORS: Final = ("Propose", "Run", "FetchResult", "Cancel")


@pytest.fixture
def hostile(in_process: InProcess) -> Hostile:
    return Hostile(in_process)


def refused(hostile: Hostile, home: Home, target: str, called: list[MethodDescriptor]) -> None:
    for method in called:
        error = hostile.runner.run(hostile.call(home, target, method))
        assert isinstance(error, Unauthenticated), (method.full_name, error)


@pytest.mark.parametrize("name", ["bank-x", "bank-a"])
def test_a_certificate_of_our_authority_for_a_key_in_no_manifest_opens_nothing(
    hostile: Hostile, tmp_path: Path, name: str
) -> None:
    home = hostile.issued(tmp_path, Joiner("node", name, "127.0.0.1:1"))
    refused(hostile, home, "bank-b", methods(NODE, PEER))
    refused(hostile, home, COORDINATOR, methods(DESK))


def test_an_owner_is_nobody_at_other_parties_nodes(hostile: Hostile) -> None:
    home = hostile.home(Role.OWNER, "bank-b")
    refused(hostile, home, "bank-a", methods(NODE, PEER))
    refused(hostile, home, COORDINATOR, methods(DESK))
    assert hostile.runner.run(hostile.call(home, "bank-b", NODE.methods_by_name["ListDatasets"])) is None


def test_an_owner_does_not_play_the_coordinator_at_its_own_node(hostile: Hostile) -> None:
    refused(hostile, hostile.home(Role.OWNER, "bank-b"), "bank-b", [NODE.methods_by_name[each] for each in OPERATORS])
    refused(hostile, hostile.home(Role.OWNER, "bank-b"), "bank-b", methods(PEER))


def test_a_requester_calls_no_node(hostile: Hostile) -> None:
    refused(hostile, hostile.home(Role.REQUESTER, "analyst"), "bank-a", methods(NODE, PEER))


def test_the_coordinator_is_no_owner_and_no_peer(hostile: Hostile) -> None:
    home = hostile.home(Role.COORDINATOR)
    refused(hostile, home, "bank-a", [NODE.methods_by_name[each] for each in OWNERS])
    refused(hostile, home, "bank-a", methods(PEER))
    refused(hostile, home, COORDINATOR, methods(DESK))


def test_a_node_is_no_owner_no_coordinator_and_no_requester(hostile: Hostile) -> None:
    home = hostile.home(Role.NODE, "bank-b")
    refused(hostile, home, "bank-a", methods(NODE))
    refused(hostile, home, COORDINATOR, methods(DESK))


def rejected(hostile: Hostile, signed: Signed, kind: type[SteelyardError]) -> None:
    """Every node rejects it, and remembers nothing of it."""
    for party in PARTIES:
        with pytest.raises(kind):
            hostile.runner.run(hostile.propose(party, signed))
        with hostile.runner.owned(party) as owner:
            assert signed.payload not in [each.asked.encode() for each in owner.requests()]


def test_a_request_of_nobody_in_the_manifest_is_refused_by_the_nodes(hostile: Hostile) -> None:
    stranger = Ed25519PrivateKey.generate()
    rejected(hostile, sign(hostile.request(), "analyst", stranger), Unauthenticated)
    rejected(
        hostile, sign(msgspec.structs.replace(hostile.request(), requester="guest"), "guest", stranger), Unauthenticated
    )


def test_a_request_in_somebody_elses_name_is_refused_by_the_nodes(hostile: Hostile) -> None:
    rejected(hostile, hostile.signed(hostile.request(), requester="auditor"), Unauthenticated)


def test_a_request_whose_bytes_were_changed_is_refused_by_the_nodes(hostile: Hostile) -> None:
    true = hostile.signed(hostile.request())
    changed = msgspec.structs.replace(true, payload=true.payload.replace(b"balance", b"account"))
    assert changed != true
    rejected(hostile, changed, Unauthenticated)


def test_a_document_of_another_kind_is_no_request(hostile: Hostile) -> None:
    true = hostile.signed(hostile.request())
    rejected(hostile, msgspec.structs.replace(true, kind="hello"), Unauthenticated)


def test_an_expired_request_is_refused_by_the_nodes(hostile: Hostile) -> None:
    rejected(hostile, hostile.signed(hostile.request(), created_ms=later(-60_000), expires_ms=later(-1)), Conflict)


def test_a_request_from_the_future_is_refused_by_the_nodes(hostile: Hostile) -> None:
    rejected(
        hostile, hostile.signed(hostile.request(), created_ms=later(3_600_000), expires_ms=later(7_200_000)), Conflict
    )


def test_a_request_for_another_manifest_is_refused_by_the_nodes(hostile: Hostile) -> None:
    rejected(hostile, hostile.signed(hostile.request(), manifest="0" * 64), Conflict)


def test_a_request_replayed_with_other_bytes_is_a_conflict(hostile: Hostile) -> None:
    request = hostile.request()
    for party in PARTIES:
        first = hostile.runner.run(hostile.propose(party, hostile.signed(request)))
        assert first.decision == node_pb2.DECISION_APPROVED
        with pytest.raises(Conflict):
            hostile.runner.run(hostile.propose(party, hostile.signed(request, purpose="another one")))


def test_a_request_replayed_as_it_was_releases_nothing_new(hostile: Hostile) -> None:
    answer = hostile.runner.ask("sum", "accounts.balance")
    computation = answer.data["computation"]
    with hostile.runner.client() as client:
        signed = client.get(computation).request
    before = {party: len(hostile.runner.nodes[party].books.ledger.entries()) for party in PARTIES}
    for party in PARTIES:
        again = hostile.runner.run(hostile.propose(party, signed))
        assert again.decision == node_pb2.DECISION_APPROVED
    ended = hostile.runner.run(hostile.attempt(dict.fromkeys(PARTIES, PARTIES), signed))
    assert ended == dict.fromkeys(PARTIES)
    assert {party: len(hostile.runner.nodes[party].books.ledger.entries()) for party in PARTIES} == before
    assert hostile.runner.show(computation).result == answer.result
