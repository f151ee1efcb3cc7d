"""A lender calls for a firm's ratios, the firm answers, the lender computes: as users type it, in real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.typed import Typist
from tests.disk import holding

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("called")]

FIGURE = "4180339887.49"  # occurs nowhere by chance
STATEMENTS = (
    "firm,year,currency,current_assets,current_liabilities,total_assets,total_liabilities,equity,net_income\n"
    f"firm-x,2023,EUR,1.00,2.00,10.00,6.00,4.00,1.00\n"
    f"firm-x,2024,EUR,{FIGURE},2000000000.00,10000000000.00,6000000000.00,4000000000.00,750000000.00\n"
)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    found = Typist(tmp_path_factory.mktemp("called"))
    up = found.types("local up --dir d --parties 3 --threshold 2")
    assert up.code == 0, up.err
    (found.folder / "statements.csv").write_text(STATEMENTS)
    yield found
    found.types("local down --dir d --purge --yes")


@pytest.fixture(scope="module")
def registered(user: Typist) -> Typist:
    for command in (
        "contributor register firm-x --sponsor analyst --out firm-x.registration",
        "contributor sign firm-x.registration",
        "contributor adopt firm-x.registration --party firm-x",
    ):
        assert user.types(f"--profile d {command}").code == 0
    return user


def test_a_firm_reads_what_it_would_tell_signs_and_its_sponsor_carries_the_answer(registered: Typist) -> None:
    user = registered
    made = user.types(
        "--profile d ratio --subject firm-x --ratios current,roa --decimals 2 --call firm-x.call --days 2"
    )
    assert made.code == 0, made.err
    assert "steelyard contributor answer firm-x.call" in made.err
    assert user.types("--profile d computation list --json").json == []

    answer = "--profile d contributor answer firm-x.call --party firm-x --statements statements.csv"
    unasked = user.types(f"{answer} --out firm-x.sealed")  # no terminal, and no --yes
    assert (unasked.code, "nothing was signed" in unasked.err, "current 2.09" in unasked.out) == (2, True, True)
    assert not (user.folder / "firm-x.sealed").exists()
    said = user.types(f"{answer} --out firm-x.sealed --yes")
    assert said.code == 0, said.err
    assert "current 2.09, roa 0.08" in said.out
    assert "analyst" in said.out
    for sentence in ("the ratios current, roa of the statements of the latest year of firm-x", "any k nodes"):
        assert sentence in said.err

    early = user.types("--profile d computation start firm-x.call")
    assert early.code == 8, early.err
    assert "of: firm-x. The first result ends the call" in early.err
    nobody = user.types("--profile d computation start firm-x.call --partial --json")
    assert nobody.code == 3, nobody.err  # no party has a statement either
    assert user.types("--profile d contribution submit firm-x.sealed --json").code == 0
    end = time.monotonic() + 120
    while not taken(user.types("--profile d contribution list --json").json, 3):
        assert time.monotonic() < end
        time.sleep(0.2)

    found = user.types("--profile d computation start firm-x.call --json")
    assert found.code == 0, found.err
    [firm] = found.json["result"]["firms"]
    assert (firm["subject"], firm["party"], firm["sponsor"], firm["year"]) == ("firm-x", "firm-x", "analyst", 2024)
    assert {name: each["value"] for name, each in firm["ratios"].items()} == {"current": "2.09", "roa": "0.08"}
    shown = user.types(f"--profile d computation show {found.json['computation']}")
    assert "2.09" in shown.out
    again = user.types("--profile d computation start firm-x.call")
    assert (again.code, "make a new call" in again.err) == (8, True)
    waits = user.types("--profile d contribution inbox --party bank-b --json").json
    assert waits == []
    assert traces(user.folder / "d") == []


def test_a_call_that_makes_no_sense_is_refused_before_anything_is_signed(user: Typist) -> None:
    for command, words in (
        ("ratio --ratios roa --call c.call", "a call names its firms"),
        ("ratio --ratios roa --subject firm-x --called firm-x", "say with --call where the call goes"),
        ("ratio --ratios roa --subject bank-a --call c.call", "bank-a has a node"),
        ("ratio --ratios roa --subject firm-x --called firm-y --call c.call", "among the subjects"),
        ("ratio --ratios roa --subject firm-x --call c.call --days 8", "at most seven days"),
        ("ratio --ratios roa --subject firm-x --call c.call --days 0", "for some time"),
        ("ratio --ratios roa --subject firm-x --call nowhere/c.call", "cannot be written in nowhere"),
        ("computation start statements.csv", "statements.csv holds no call"),
        ("contributor answer c.call --party firm-x --statements statements.csv", "there is no file c.call"),
    ):
        refused = user.types(f"--profile d {command}")
        assert refused.code in (2, 3), refused.err
        assert words in refused.err
    assert not (user.folder / "c.call").exists()


def taken(found: list[dict[str, object]], nodes: int) -> bool:
    [newest] = found
    deliveries = newest["deliveries"]
    assert isinstance(deliveries, list)
    return [each["state"] for each in deliveries] == ["taken"] * nodes


def traces(folder: Path) -> list[Path]:
    """Files that hold the figure."""
    minor = int(FIGURE.replace(".", ""))
    forms = [FIGURE.encode(), str(minor).encode(), minor.to_bytes(8, "little")]
    return holding(folder, forms)
