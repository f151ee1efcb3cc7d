"""A firm without a node contributes, as a user types it: real processes, and no value anywhere on their disks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steelyard.identity import files
from tests.cli.typed import Typist
from tests.disk import holding

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("contribute")]

BANKS = ["bank-a", "bank-b", "bank-c"]
FIGURE = "4180339887.49"  # occurs nowhere by chance
TAKEN = [{"party": party, "state": "taken", "problem": None} for party in BANKS]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    found = Typist(tmp_path_factory.mktemp("firms"))
    up = found.types("local up --dir d --parties 3 --threshold 2")
    assert up.code == 0, up.err
    (found.folder / "ledger.csv").write_text(f"customer,amount\nacme,{FIGURE}\nbolt,-1.50\n")
    yield found
    found.types("local down --dir d --purge --yes")


def newest(user: Typist) -> Any:
    return user.types("--profile d contribution list --limit 1 --json").json[0]


def traces(folder: Path) -> list[Path]:
    """Files that hold the figure: as text, or as the number it is stored as."""
    minor = int(FIGURE.replace(".", ""))
    forms = [FIGURE.encode(), str(minor).encode(), minor.to_bytes(8, "little"), minor.to_bytes(8, "big")]
    return holding(folder, forms)


def test_one_command_brings_a_firms_table_to_all_nodes(user: Typist) -> None:
    made = user.types("--profile d contribute ledger.csv --party firm-x --dataset dues --columns amount --json").json
    assert (made["contributor"], made["dataset"], made["columns"]) == ("firm-x", "dues", ["amount"])
    assert made["deliveries"] == TAKEN
    assert newest(user) == made
    entry = user.types("--profile d audit show --party bank-b --json").json["entries"][-1]
    assert (entry["event"], entry["fields"]["contributor"]) == ("contributed", "firm-x")
    (waiting,) = user.types("--profile d contribution inbox --party bank-b --json").json
    assert (waiting["id"], waiting["contributor"], waiting["sponsor"]) == (made["id"], "firm-x", "analyst")


def test_an_owner_drops_what_waits(user: Typist) -> None:
    made = user.types("--profile d contribute ledger.csv --party firm-w --dataset gone --columns amount --json").json
    dropped = user.types(f"--profile d contribution drop {made['id']} --party bank-b --json").json
    assert dropped == {"party": "bank-b", "dropped": made["id"]}
    assert user.types(f"--profile d contribution drop {made['id']} --party bank-b --json").code == 3
    there = user.types("--profile d contribution inbox --party bank-b --json").json
    assert made["id"] not in [each["id"] for each in there]
    refused = user.types("--profile d share gone.amount --name gone --json")
    assert refused.code == 3, refused.err


def test_firms_alone_make_a_pool_that_is_asked_about_and_refreshed(user: Typist) -> None:
    for firm in ("firm-p", "firm-q", "firm-r"):
        assert user.types(f"--profile d contribute ledger.csv --party {firm} --dataset owed --columns amount").code == 0
    shared = user.types("--profile d share owed.amount --name owed --json").json
    figures = shared["result"]
    assert (figures["contributors"], figures["waiting"]) == (["firm-p", "firm-q", "firm-r"], 0)
    assert user.types("--profile d sum @owed.amount --json").json["result"] == {"total": "12541019657.97"}
    assert user.types("--profile d refresh owed --json").json["result"]["epoch"] == 2
    again = user.types("--profile d contribute ledger.csv --party firm-p --dataset owed --columns amount --json").json
    assert again["deliveries"] == TAKEN  # sealed to the keys that the refresh has made
    waiting = user.types("--profile d contribution inbox --party bank-a --json").json
    assert [each["id"] for each in waiting if each["dataset"] == "owed"] == [again["id"]]
    assert user.types("--profile d vault rotate --party bank-a --json").json["sealing_key"] == 3
    assert traces(user.folder / "d") == []


def test_nothing_on_any_disk_holds_the_figure(user: Typist) -> None:
    assert user.types("--profile d contribute ledger.csv --party firm-x --dataset dues").code == 0
    assert traces(user.folder / "d") == []
    assert traces(user.folder) == [user.folder / "ledger.csv"]  # the test would see it


def test_a_firm_with_a_folder_of_its_own_is_vouched_for_by_its_sponsor(user: Typist) -> None:
    firm = user.folder / "firm"
    firm.mkdir()
    (firm / "profile.toml").write_text('consortium = "local"\n')
    for name in ("manifest.json", "pin"):
        (firm / name).write_bytes((user.folder / "d" / name).read_bytes())
    unknown = user.types("--profile firm contribute ledger.csv --party firm-z --dataset dues --out z.sealed --json")
    assert (unknown.code, "contributor register firm-z" in unknown.error["message"]) == (3, True)
    made = user.types("--profile firm contributor register firm-z --sponsor analyst --out z.registration --json").json
    unsigned = user.types("--profile firm contribute ledger.csv --party firm-z --dataset dues --out z.sealed --json")
    assert (unsigned.code, "registration" in unsigned.error["message"]) == (3, True)
    signed = user.types("--profile d contributor sign z.registration --json").json
    assert signed == made
    assert user.types("--profile firm contributor adopt z.registration --party firm-z").code == 0
    assert user.types("--profile firm contribute ledger.csv --party firm-z --dataset dues --out z.sealed").code == 0
    (submitted,) = user.types("--profile d contribution submit z.sealed --json").json
    assert user.types("--profile d contribution submit z.sealed --json").json == [submitted]
    assert newest(user)["id"] == submitted["id"]
    assert "z.sealed" not in [path.name for path in traces(user.folder)]


def test_an_owner_that_does_not_know_the_sponsor_refuses_and_says_so(user: Typist) -> None:
    policy = user.folder / "d" / "nodes" / "bank-b" / "policy.toml"
    before = policy.read_text()
    files.replace(policy, before.replace('sponsors = ["analyst"]', "sponsors = []").encode())
    try:
        refused = user.types("--profile d contribute ledger.csv --party firm-y --dataset dues --json")
    finally:
        files.replace(policy, before.encode())
    assert (refused.code, refused.error["reason"], refused.error["party"]) == (4, "POLICY_REFUSED", "bank-b")


def test_a_node_that_was_away_has_it_later(user: Typist) -> None:
    assert user.types("local kill bank-c --dir d").code == 0
    line = "--profile d contribute ledger.csv --party firm-x --dataset dues --timeout 8 --json"
    made = user.types(line).json
    assert [each["state"] for each in made["deliveries"]] == ["taken", "taken", "waiting"]
    assert user.types("local start bank-c --dir d").code == 0
    deadline = time.monotonic() + 120
    while newest(user)["deliveries"] != TAKEN:
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("contribute nothing.csv --party firm-x", 2),
        ("contribute ledger.csv --party Firm_X", 2),
        ("contribute ledger.csv --party firm-x --columns missing", 3),
        ("contribute ledger.csv --party firm-x --columns customer", 2),
        ("contribution submit ledger.csv", 2),
        ("contribution submit nothing.sealed", 3),
        ("contributor sign ledger.csv", 6),
    ],
)
def test_what_is_wrong_is_said(user: Typist, line: str, code: int) -> None:
    ended = user.types(f"--profile d {line} --json")
    assert ended.code == code, ended.err
    assert ended.error["message"]
