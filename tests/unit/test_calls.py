"""A lender's call as a firm without a node reads it, and the answer that it signs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clients.sdk import calls
from clients.sdk.desk import Desk
from clients.sdk.profile import Profile
from clients.sdk.records import Contribution, Delivery
from clients.sdk.results import Computation
from steelyard.documents.contribution import ContributionHeader
from steelyard.documents.request import Request
from steelyard.documents.signed import Signed, read, sign, to_wire
from steelyard.errors import Cheated, Conflict, Invalid, Malformed, NotFound, SteelyardError, Unauthenticated
from steelyard.functions.answered import PURPOSE, call_of, held_as
from steelyard.functions.opening import Opened
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from tests.firms import Firms
from tests.service.fakes import PARTIES, make_consortium

HOUR_MS = 3_600_000
HEAD = "firm,year,currency,current_assets,current_liabilities,total_assets,total_liabilities,equity,net_income\n"
FILE = HEAD + "".join(
    f"{firm},{year},EUR,{current}.00,250.00,1000.00,600.00,400.00,75.00\n"
    for firm, year, current in (("firm-x", 2023, 300), ("firm-x", 2024, 400), ("firm-z", 2025, 999))
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="module")
def membership(root: Path) -> Membership:
    return make_consortium(root)


@pytest.fixture(scope="module")
def desk(root: Path, membership: Membership) -> Desk:
    (root / "profile.toml").write_text('consortium = "local"\nidentity = "requesters/analyst"\n')
    return Desk(Profile.open(root))


@pytest.fixture(scope="module")
def firms(root: Path, membership: Membership) -> Firms:
    return Firms(root, membership)


@pytest.fixture(scope="module")
def statements(root: Path) -> Path:
    path = root / "statements.csv"
    path.write_text(FILE)
    return path


@pytest.fixture
def call(firms: Firms, membership: Membership) -> Callable[..., Signed]:
    def made(signer: str = "analyst", **changes: Any) -> Signed:
        now = time.time_ns() // 1_000_000
        request = Request(
            computation="ab" * 16,
            manifest=membership.digest,
            requester="analyst",
            function="ratio",
            arguments={
                "dataset": "statements",
                "column": "firm",
                "ratios": ["current", "roa"],
                "subjects": ["firm-x"],
                "called": ["firm-x"],
                "decimals": 3,
            },
            created_ms=now,
            expires_ms=now + HOUR_MS,
        )
        return sign(msgspec.structs.replace(request, **changes), signer, firms.key)

    return made


def test_a_firm_sees_what_it_would_tell_whom(
    call: Callable[..., Signed], membership: Membership, statements: Path
) -> None:
    known = calls.read(call(), membership)
    told = known.answer("firm-x", statements).told
    assert told == {"ratios": {"current": {"value": "1.600"}, "roa": {"value": "0.075"}}}
    leaks = {leak.to: leak.what for leak in known.leakage()}
    assert "times random numbers" in leaks["any k nodes"]
    assert "each of the firms called" not in leaks
    assert any("current, roa" in leak.what and leak.to == "requester analyst" for leak in known.leakage())


def test_whoever_is_called_with_others_learns_of_them(call: Callable[..., Signed], membership: Membership) -> None:
    arguments = read(Request, call().payload).arguments
    known = calls.read(call(arguments={**arguments, "subjects": ["alpha", "firm-x"]}), membership)
    leaks = {leak.to: leak.what for leak in known.leakage()}
    assert leaks["each of the firms called"] == "that these are asked about: alpha, firm-x"


def test_a_firm_that_is_to_be_scored_sees_its_features(
    call: Callable[..., Signed], desk: Desk, membership: Membership, statements: Path
) -> None:
    weights = desk.sealed_weights({"working_capital": 6.56, "net_income": 1.0, "equity_to_liabilities": 1.05})
    about = {"dataset": "statements", "column": "firm", "subjects": ["firm-x"], "called": ["firm-x"]}
    known = calls.read(call(function="score", arguments={**about, **weights}), membership)
    told = known.answer("firm-x", statements).told["features"]
    assert {name: each["value"] for name, each in told.items()} == {
        "working_capital": "0.150000", "net_income": "0.075000", "equity_to_liabilities": "0.666667"
    }  # fmt: skip


def test_the_year_asked_about_is_answered(
    call: Callable[..., Signed], membership: Membership, statements: Path
) -> None:
    arguments = read(Request, call().payload).arguments
    known = calls.read(call(arguments={**arguments, "year": 2023}), membership)
    assert known.answer("firm-x", statements).told["ratios"]["current"] == {"value": "1.200"}
    with pytest.raises(NotFound, match="no statement of firm-x"):
        calls.read(call(arguments={**arguments, "year": 2022}), membership).answer("firm-x", statements)


def test_the_signature_is_on_this_call_alone(
    call: Callable[..., Signed], membership: Membership, statements: Path, firms: Firms
) -> None:
    signed = call()
    known = calls.read(signed, membership)
    bundle = known.seal(firms.firm(), known.answer("firm-x", statements))
    header = bundle.header.open(
        ContributionHeader, {"firm-x": firms.layout.contributor("firm-x").signing_key().public_key()}
    )
    request = read(Request, signed.payload)
    assert (header.dataset, header.purpose, header.rows) == (held_as(call_of(request)), PURPOSE, 1)
    assert header.expires_ms == request.expires_ms
    assert set(bundle.parts) == set(PARTIES)
    assert 2 << 20 < bundle.size / len(PARTIES) < 3 << 20
    for part in bundle.parts.values():
        assert b"firm-x" not in part


def test_an_answer_counts_once_all_nodes_have_taken_it(call: Callable[..., Signed], membership: Membership) -> None:
    arguments = read(Request, call().payload).arguments
    firms = ["firm-v", "firm-w", "firm-x", "firm-y", "firm-z"]
    known = calls.read(call(arguments={**arguments, "subjects": firms, "called": firms}), membership)

    def brought(firm: str, *states: str, held: str = known.held_as) -> Contribution:
        deliveries = tuple(Delivery(party=party, state=each) for party, each in zip(PARTIES, states, strict=False))
        return Contribution(
            id="", contributor=firm, dataset=held, columns=(), rows=1, created_ms=1, expires_ms=2, deliveries=deliveries
        )

    found = (
        brought("firm-v", "taken", "refused"),  # late: after it had answered
        brought("firm-v", "taken", "taken"),
        brought("firm-x", "taken", "taken"),
        brought("firm-y", "taken", "waiting"),
        brought("firm-z", "taken", "taken", held="call_of_another"),
    )
    assert known.unanswered(found) == ("firm-w", "firm-y", "firm-z")


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"signer": "bank-a"}, Unauthenticated, "signer"),
        ({"requester": "auditor"}, Unauthenticated, "in the name of somebody else"),
        ({"manifest": "33" * 32}, Conflict, "another version of the manifest"),
        ({"expires_ms": 5, "created_ms": 1}, Conflict, "has expired"),
        ({"arguments": {"dataset": "statements", "column": "firm", "ratios": ["roa"]}}, Invalid, "calls no firm"),
        ({"purpose": "a loan\x1b[2J"}, Invalid, "printable"),
        ({"function": "sum", "arguments": {"dataset": "accounts", "column": "x"}}, Invalid, "calls no firm"),
    ],
)
def test_what_is_no_valid_call_is_refused(
    call: Callable[..., Signed], membership: Membership, changes: dict[str, Any], error: type[SteelyardError], text: str
) -> None:
    with pytest.raises(error, match=text):
        calls.read(call(**changes), membership)


def test_a_call_that_was_changed_on_its_way_is_refused(call: Callable[..., Signed], membership: Membership) -> None:
    signed = call()
    payload = signed.payload.replace(b'"decimals":3', b'"decimals":4')
    assert payload != signed.payload
    with pytest.raises(Unauthenticated, match="signature"):
        calls.read(msgspec.structs.replace(signed, payload=payload), membership)


def test_a_call_is_kept_in_a_file(call: Callable[..., Signed], firms: Firms, tmp_path: Path) -> None:
    calls.save(call(), tmp_path / "x.call")
    assert calls.load(tmp_path / "x.call").kind == "request"
    with pytest.raises(NotFound):
        calls.load(tmp_path / "y.call")
    for held in (b"no call", to_wire(firms.bundle().header)):
        (tmp_path / "z.call").write_bytes(held)
        with pytest.raises(Invalid, match="holds no call"):
            calls.load(tmp_path / "z.call")
    for place in (tmp_path / "nowhere" / "x.call", tmp_path / "z.call" / "x.call", tmp_path):
        with pytest.raises(Invalid, match=r"cannot be written|is a folder"):
            calls.save(call(), place)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (FILE.replace("400.00,75.00", "399.00,75.00"), Invalid, "does not balance"),
        (FILE.replace("firm,year", "name,year"), NotFound, "no column firm"),
        (FILE.replace(",equity", ",capital"), NotFound, "equity"),
        (FILE.replace(",600.00,", ",n/a,"), Invalid, "column total_liabilities holds text"),
        (FILE.replace("firm-x,2023", "firm-x,2024"), Invalid, "second statement"),
    ],
)
def test_a_file_that_is_no_answer_is_refused_before_anything_is_signed(
    call: Callable[..., Signed],
    membership: Membership,
    tmp_path: Path,
    text: str,
    error: type[SteelyardError],
    words: str,
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(error, match=words):
        calls.read(call(), membership).answer("firm-x", tmp_path / "bad.csv")


def done(signed: Signed) -> Computation:
    asked = read(Request, signed.payload)
    return Computation(asked.computation, "DONE", 1, 2, (), None, 1, asked, signed)


def test_after_a_cheat_it_takes_a_new_call(
    call: Callable[..., Signed], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*_: object) -> Opened:
        raise Malformed("figures were spoilt", culprits=("bank-a",), suspects=("bank-b",))

    monkeypatch.setattr("steelyard.functions.opening.open_results", spoilt)
    with pytest.raises(Malformed, match=r"figures were spoilt.*it takes a new call") as caught:
        desk.open(done(call()), ())
    assert (caught.value.culprits, caught.value.suspects) == (("bank-a",), ("bank-b",))
    arguments = {"dataset": "statements", "column": "firm", "ratios": ["roa"]}
    with pytest.raises(Cheated, match=r"figures were spoilt$"):
        desk.open(done(call(arguments=arguments)), ())


def test_only_who_has_a_part_in_it_can_be_missing(
    call: Callable[..., Signed], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Opened({}, (PartyId("firm-x"),), True, True, (), (), None, 0)
    monkeypatch.setattr("steelyard.functions.opening.open_results", lambda *_: opened)
    assert desk.open(done(call()), ()).missing == ()
    arguments = read(Request, call().payload).arguments
    owned = call(arguments={**arguments, "subjects": ["alpha", "firm-x"]})
    assert desk.open(done(owned), ()).missing == PARTIES
