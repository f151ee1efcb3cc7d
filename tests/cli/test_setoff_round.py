"""A round as a requester types it, on real processes: totals come out here, each firm opens its own notice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.test_end_to_end import User

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("setoff")]

DEBTS = """id,debtor,creditor,amount,currency
1,F017,F003,700,EUR
2,F017,F003,300,EUR
3,F003,F009,800,EUR
4,F009,F017,900,EUR
5,F009,F003,50,EUR
"""
BAD = {
    "id,debtor,creditor,amount\n1,A,A,5\n": "owes anything to itself",
    "id,debtor,creditor,amount\n1,A,B,-5\n": "is negative",
    "id,debtor,creditor,amount\n1,A,B,0\n": "is zero",
    "id,debtor,creditor,amount\n1,A,B,5\n1,B,A,5\n": "is that of line 2 already",
    f"id,debtor,creditor,amount\n1,A,B,{1 << 34}\n": "too large",
    "id,debtor,creditor,amount,currency\n1,A,B,1,EUR\n2,B,C,1,USD\n3,C,A,1,IDR\n": "3 currencies",
    "id,debtor,creditor,amount\n1,F-1,B,5\n2,f.1,B,5\n": "differ only in capitals",
    "id,debtor,creditor,amount\n": "nothing to clear",
    f"id,debtor,creditor,amount\n1,A,B,{(1 << 34) - 1}\n2,A,B,1\n": "all that one firm owes another",
    "id,debtor,creditor,amount\n1,A,B,5\n2,B\n": "line 3",
    "id,debtor,creditor\n1,A,B\n": "line 1 must name the columns",
}


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    found = User(tmp_path_factory.mktemp("setoff"))
    up = found.types("local up --dir d --parties 3 --threshold 2")
    assert up.code == 0, up.err
    (found.folder / "debts.csv").write_text(DEBTS)
    yield found
    found.types("local down --dir d --purge --yes")


@pytest.fixture(scope="module")
def cleared(user: User) -> Any:
    return user.types("--profile d setoff run --obligations debts.csv --mode sealed --steps 20 --json").json


def notice(user: User, run: str, firm: str, more: str = "--format json") -> str:
    told = user.types(f"--profile d setoff notice --run {run} --firm {firm} {more}")
    assert told.code == 0, told.err
    return told.out


def test_totals_come_out_and_everything_that_was_opened_is_listed(cleared: Any) -> None:
    assert (cleared["total"], cleared["cleared"], cleared["firms_with_setoff"]) == (2750, 2400, 3)
    assert (cleared["mode"], cleared["certified_share"], cleared["firms"]) == ("sealed", 1.0, 3)
    assert {each["to"] for each in cleared["opened"]} == {"every node that takes part", "requester"}


def test_a_firm_opens_its_own_notice_in_three_forms(user: User, cleared: Any) -> None:
    lines = json.loads(notice(user, cleared["id"], "F017"))
    assert {each["id"]: each["cleared"] for each in lines} == {"1": 700, "2": 100, "4": 800}
    assert {"id", "debtor", "creditor", "amount", "cleared"} <= lines[0].keys()
    rows = list(csv.DictReader(io.StringIO(notice(user, cleared["id"], "F003", "--format csv"))))
    assert sum(int(each["cleared"]) for each in rows if each["debtor"] == "F003") == 800
    notice(user, cleared["id"], "F009", "--format pdf --out n.pdf")
    assert (user.folder / "n.pdf").read_bytes().startswith(b"%PDF")


def test_an_exported_notice_is_opened_by_its_firm_alone(user: User, cleared: Any) -> None:
    assert user.types(f"--profile d setoff export --run {cleared['id']} --out sealed --json").json["notices"] == 3
    own = user.types("--profile d setoff notice --sealed sealed/f017.notice --firm F017")
    assert json.loads(own.out) == json.loads(notice(user, cleared["id"], "F017"))
    assert user.types("--profile d setoff notice --sealed sealed/f017.notice --firm F003").code == 6


def test_a_notice_is_preliminary_until_the_round_is_final(user: User, cleared: Any) -> None:
    command = f"--profile d setoff notice --run {cleared['id']} --firm F003"
    assert "preliminary" in user.types(command).err
    final = user.types(f"--profile d setoff finalise {cleared['id']} --json").json
    assert "preliminary" not in user.types(command).err
    noted = user.types("--profile d audit show --party bank-c --json").json["entries"]
    assert [each["fields"]["result"] for each in noted if each["fields"].get("run") == cleared["id"]] == [
        final["result"]
    ]
    gone = [each["fields"] for each in noted if each["event"] == "contributions_final"]
    assert [(each["computation"], each["contributions"]) for each in gone] == [(cleared["id"], 3)]
    again = user.types(f"--profile d setoff run --round {cleared['round']}")
    assert (again.code, "holds the dataset" in again.err) == (3, True), again.err


def say(user: User, firm: str, without: str = "-") -> Any:
    """Its invoices of the next month, without one."""
    head, *lines = DEBTS.splitlines()
    own = [f"1{line}" for line in lines if firm in line and not line.startswith(without)]
    (user.folder / f"{firm}.csv").write_text("\n".join([head, *own]) + "\n")
    return user.types(f"--profile d setoff say {firm}.csv --firm {firm} --round october --json").json


@pytest.fixture(scope="module")
def october(user: User) -> Any:
    """A dry run over what three firms have said one by one."""
    (user.folder / "firms.txt").write_text("F017\nF003\nF009\n")
    user.types("--profile d setoff open october --firms firms.txt --mode skeleton --currency EUR --json")
    assert [say(user, firm)["invoices"] for firm in ("F017", "F003", "F009")] == [3, 4, 3]
    return user.types("--profile d setoff run --round october --steps 20 --dry-run --json").json


def test_what_firms_have_said_one_by_one_is_cleared_and_a_dry_run_says_what_each_would_save(
    user: User, october: Any
) -> None:
    assert (october["round"], october["cleared"], october["dry_run"]) == ("october", 2400, True)
    assert user.types(f"--profile d setoff preview --run {october['id']} --firm F009 --json").json["saving"] == 800
    assert user.types(f"--profile d setoff notice --run {october['id']} --firm F009").code == 2
    assert user.types(f"--profile d setoff finalise {october['id']}").code == 2
    (user.folder / "stranger.csv").write_text("id,debtor,creditor,amount,currency\n1,F017,F555,5,EUR\n")
    unknown = user.types("--profile d setoff say stranger.csv --firm F017 --round october")
    assert (unknown.code, "no firm of this round" in unknown.err) == (2, True)


@pytest.mark.usefixtures("october")
def test_a_correction_gives_new_notices_and_no_second_total_and_later_words_do_not_touch_them(user: User) -> None:
    say(user, "F003", without="5,")  # F009 does not owe it that
    refused = user.types("--profile d setoff run --round october --steps 20 --json").error
    assert (refused["reason"], "--notices-only" in refused["message"]) == ("DIFFERENCING_REFUSED", True)
    found = user.types("--profile d setoff run --round october --steps 20 --notices-only --json").json
    assert (found["total"], found["cleared"], found["certified_share"]) == (None, None, None)
    say(user, "F003", without="3,")
    told = json.loads(notice(user, found["id"], "F003"))
    assert {each["id"]: each["cleared"] for each in told} == {"11": 700, "12": 100, "13": 800}


@pytest.mark.usefixtures("october")
def test_an_invoice_is_in_one_round_at_a_time_and_after_a_final_one_what_remains_of_it(
    user: User, cleared: Any
) -> None:
    user.types(f"--profile d setoff finalise {cleared['id']}")  # if it is not yet
    user.types("--profile d setoff open november --firms firms.txt --json")
    command = "--profile d setoff say both.csv --firm F017 --round november"
    (user.folder / "both.csv").write_text("id,debtor,creditor,amount\n2,F017,F003,300\n11,F017,F003,700\n")
    refused = user.types(f"{command} --json").error
    assert (refused["reason"], "invoice 11" in refused["message"]) == ("CONFLICT", True)
    assert "`steelyard setoff notice ... --final`" in refused["message"]
    assert user.types(f"{command} --again --json").json["invoices"] == 2
    (user.folder / "both.csv").write_text("id,debtor,creditor,amount\n1,F017,F003,700\n2,F017,F003,300\n")
    said = user.types(f"{command} --json")
    assert said.json["invoices"] == 1  # the round that was played and is final has cleared the other
    noted = ("Invoice 1: nothing remains open", "Invoice 2: 200 minor units remain")
    assert [each in said.err for each in noted] == [True, True], said.err


@pytest.mark.parametrize("text", BAD, ids=BAD.values())
def test_bad_input_is_refused_in_its_own_words(user: User, text: str) -> None:
    (user.folder / "bad.csv").write_text(text)
    refused = user.types("--profile d setoff run --obligations bad.csv")
    assert (refused.code, BAD[text] in refused.err) == (2, True), refused.err


def test_only_what_both_sides_say_is_cleared_and_the_two_alone_hear_of_the_rest(user: User) -> None:
    """F1 and F2 agree; F2 and F3 contradict each other; F3 claims to owe F1, who says nothing of it."""
    own = {
        "F1": "1,F1,F2,100\n4,F2,F1,60\n",
        "F2": "1,F1,F2,100\n2,F2,F3,50\n4,F2,F1,60\n",
        "F3": "2,F2,F3,40\n3,F3,F1,70\n",
    }
    (user.folder / "three.txt").write_text("\n".join(own) + "\n")
    user.types("--profile d setoff open december --firms three.txt --json")
    nobody = user.types("--profile d setoff run --round december --json")
    assert (nobody.code, nobody.error["reason"]) == (3, "NOT_FOUND")
    for firm, lines in own.items():
        (user.folder / f"{firm}.csv").write_text("id,debtor,creditor,amount\n" + lines)
        assert user.types(f"--profile d setoff say {firm}.csv --firm {firm} --round december --json").code == 0
    found = user.types("--profile d setoff run --round december --steps 20 --json").json
    assert (found["total"], found["cleared"], found["firms"]) == (None, None, 3)  # two firms with debts are too few
    told = {firm: user.types(f"--profile d setoff notice --run {found['id']} --firm {firm}") for firm in ("F2", "F3")}
    cleared = {firm: {each["id"]: each["cleared"] for each in json.loads(said.out)} for firm, said in told.items()}
    assert cleared == {"F2": {"1": 60, "2": 0, "4": 60}, "F3": {"2": 0, "3": 0}}
    differ = {
        firm: [other for other in own if f"{other} says something else" in said.err] for firm, said in told.items()
    }
    assert differ == {"F2": ["F3"], "F3": ["F1", "F2"]}
    # Told that this is final, F2 enters what remains.
    assert "preliminary" not in user.types(f"--profile d setoff notice --run {found['id']} --firm F2 --final").err
    user.types("--profile d setoff open january --firms three.txt --json")
    later = user.types("--profile d setoff say F2.csv --firm F2 --round january --json")
    assert (later.json["invoices"], "Invoice 1: 40 minor" in later.err) == (2, True), later.err
    # So is everybody told who plays all firms.
    played = user.types("--profile d setoff run --obligations F2.csv --steps 20 --dry-run")
    noted = ("Invoice 1: 40 minor units remain", "Invoice 4: nothing remains open", "raised by")
    assert [each in played.err for each in noted] == [True] * 3, played.err


def test_firms_without_circles_and_ten_thousand_invoices(user: User) -> None:
    (user.folder / "apart.csv").write_text("id,debtor,creditor,amount\n1,A,B,50\n2,C,D,40\n")
    apart = user.types("--profile d setoff run --obligations apart.csv --steps 20 --json").json
    assert (apart["total"], apart["cleared"], apart["certified_share"], apart["firms_with_setoff"]) == (90, 0, 1.0, 0)
    many = "".join(f"{number},A,B,{number}\n" for number in range(1, 10_001))
    (user.folder / "many.csv").write_text(f"id,debtor,creditor,amount\n{many}b,B,C,900000\nc,C,A,800000\n")
    found = user.types("--profile d setoff run --obligations many.csv --steps 20 --json").json
    assert (found["total"], found["cleared"]) == (50_005_000 + 1_700_000, 2_400_000)
    lines = json.loads(notice(user, found["id"], "A"))
    assert (len(lines), sum(each["cleared"] for each in lines if each["debtor"] == "A")) == (10_001, 800_000)


def test_cash_closes_circles(user: User) -> None:
    (user.folder / "chain.csv").write_text("id,debtor,creditor,amount\n1,A,B,50\n2,B,C,40\n3,C,D,30\n")
    (user.folder / "money.csv").write_text("kind,firm,other,amount\ntender,A,,30\nacceptance,D,,30\n")
    found = user.types("--profile d setoff run --obligations chain.csv --money money.csv --steps 20 --json").json
    assert (found["cleared"], found["cash"], found["nid_before"], found["nid_after"]) == (90, 30, 50, 20)
    assert found["cleared_per_cash"] == 3.0
