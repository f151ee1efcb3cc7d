"""Four banks of whom three open a total cannot compare at that threshold: they may at two, if every owner allows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli.test_end_to_end import BANKS, ROOT, User

from steelyard.identity import files

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("end-to-end")]


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    found = User(tmp_path_factory.mktemp("three-of-four"))
    (found.folder / "examples").symlink_to(ROOT / "examples")
    up = found.types("local up --dir d --parties 4 --threshold 3 --data examples/balances")
    assert up.code == 0, up.err
    yield found
    found.types("local down --dir d --purge --yes")


def test_sums_need_no_lower_threshold(user: User) -> None:
    answer = user.types("--profile d sum accounts.balance --json").json
    assert answer["result"] == {"total": "17500.00"}
    assert not any("any 2 nodes" in leak["to"] for leak in answer["leakage"])


def test_a_comparison_takes_every_owners_word(user: User) -> None:
    question = "--profile d exceeds accounts.balance 10000 --json"
    refused = user.types(question)
    assert (refused.code, refused.error["reason"]) == (4, "POLICY_REFUSED")
    assert "lower threshold" in refused.error["message"]
    for bank in BANKS:
        policy = user.folder / "d" / "nodes" / bank / "policy.toml"
        files.replace(policy, policy.read_text().replace("lower_threshold = false", "lower_threshold = true").encode())
    answer = user.types(question).json
    assert answer["result"] == {"exceeds": True}
    assert not answer["checked"]
    assert any("any 2 nodes" in leak["to"] for leak in answer["leakage"])
