"""`steelyard netting` as a user types it: real processes, one command for all banks, one notice for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.test_end_to_end import User

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("netting")]

PAYMENTS = """id,payer,payee,amount,priority
p1,north,south,100.00,1
p2,south,west,100.00,1
p3,west,north,90.00,1
p4,north,west,50.00,2
"""
BALANCES = "bank,balance,limit\nnorth,5.00,10.00\nsouth,0,0\nwest,-3.00,20.00\n"
FILES = "--payments payments.csv --balances balances.csv --decimals 2 --json"
ALL = "--banks north,south,west --decimals 2 --json"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    found = User(tmp_path_factory.mktemp("netting"))
    up = found.types("local up --dir d --parties 3 --threshold 2")
    assert up.code == 0, up.err
    (found.folder / "payments.csv").write_text(PAYMENTS)
    (found.folder / "balances.csv").write_text(BALANCES)
    yield found
    found.types("local down --dir d --purge --yes")


def test_one_command_plays_all_banks_and_each_has_its_notice(user: User) -> None:
    made = user.types(f"--profile d netting run {FILES}").json
    assert made["result"] == {
        "mode": "gridlock", "banks": 3, "queued": "340.00", "settled": "290.00", "held": "50.00", "saved": "280.00",
        "needed": "10.00", "settles": False, "passes": 1,
    }  # fmt: skip
    assert (made["parties"], made["missing"]) == (["north", "south", "west"], [])
    notices = {
        bank: user.types(f"--profile d netting notice --run {made['computation']} --bank {bank} --json").json
        for bank in ("north", "south", "west")
    }
    north = notices["north"]
    assert (north["position"], north["balance"], north["verified"]) == ("-10.00", "-5.00", True)
    assert [(each["id"], each["released"]) for each in north["payments"]] == [("p1", True), ("p4", False)]
    assert [notices[bank]["position"] for bank in ("south", "west")] == ["0.00", "10.00"]
    stranger = user.types(f"--profile d netting notice --run {made['computation']} --bank east --json")
    assert (stranger.code, stranger.error["reason"]) == (3, "NOT_FOUND")


def test_what_banks_have_contributed_one_by_one_is_netted(user: User) -> None:
    files = FILES.replace("payments.csv", "{bank}.csv")
    for bank in ("north", "south", "west"):
        own = [line for line in PAYMENTS.splitlines()[1:] if line.split(",")[1] == bank]
        (user.folder / f"{bank}.csv").write_text("\n".join([PAYMENTS.splitlines()[0], *own]))
        line = f"netting contribute {files.format(bank=bank)} --bank {bank} --banks north,south,west --dataset later"
        assert user.types(f"--profile d {line}").json["bank"] == bank
    positions = user.types(f"--profile d netting run {ALL} --dataset later --mode positions").json
    assert positions["result"]["needed"] == "60.00"
    told = user.types(f"--profile d netting notice --run {positions['computation']} --bank west --json").json
    assert (told["position"], "payments" in told) == ("60.00", False)
    one = user.types(f"--profile d netting run {ALL} --dataset later --mode settles").json
    assert one["result"] == {"mode": "settles", "banks": 3, "settles": False}
    none = user.types(f"--profile d netting notice --run {one['computation']} --bank west --json")
    assert (none.code, "only whether all payments settle" in none.error["message"]) == (2, True)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("netting run --json", 2, "--payments FILE"),
        ("netting run --payments nowhere.csv --json", 3, "there is no file nowhere.csv"),
        ("netting run --payments payments.csv --json", 2, "line 2, column amount"),
        ("netting run --banks north,south,far --json", 3, "nobody has brought"),
        ("netting run --banks north,north --json", 2, "a bank is named twice"),
        (f"netting run {FILES} --mode sideways", 2, "mode"),
    ],
)
def test_mistakes_are_explained(user: User, line: str, code: int, said: str) -> None:
    outcome = user.types(f"--profile d {line}")
    assert outcome.code == code, outcome.err
    assert said in outcome.error["message"]
