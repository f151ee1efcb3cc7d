"""The owner's policy: what is not listed is refused, by name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.policy import PolicyFile
from steelyard.errors import BudgetExhausted, GroupTooSmall, Invalid, PolicyRefused
from steelyard.privacy import policy
from steelyard.privacy.policy import Question

TEXT = """
functions = ["sum", "mean"]
requesters = ["analyst"]
peers = ["bank-a", "bank-b", "bank-c"]
approval = "automatic"
minimum_group = 3
minimum_rows = 5
period_days = 7
epsilon_per_period = 1.5

[datasets.accounts]
columns = ["balance"]
filters = ["segment"]

[datasets.loans]
columns = ["*"]
functions = ["count"]
"""
ASKED = Question(
    function="sum",
    requester="analyst",
    dataset="accounts",
    columns=("balance",),
    filter_columns=("segment",),
    parties=("bank-a", "bank-b", "bank-c"),
)


def test_what_is_listed_is_allowed() -> None:
    owner = policy.parse(TEXT)
    owner.check(ASKED)
    owner.check(replace(ASKED, epsilon=1.5))
    owner.check(replace(ASKED, dataset="loans", function="count", columns=("amount",), filter_columns=()))
    assert owner.automatic
    assert (owner.minimum_rows, owner.period_days) == (5, 7)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset": "payments"}, "dataset 'payments'"),
        ({"function": "count"}, "function 'count'"),
        ({"function": "vector_sum"}, "function 'vector_sum'"),
        ({"function": "sum", "dataset": "loans"}, "function 'sum'"),
        ({"requester": "stranger"}, "requester 'stranger'"),
        ({"columns": ("opened",)}, "column 'opened' of the dataset 'accounts'"),
        ({"columns": ("balance", "opened", "income")}, "column 'opened' of the dataset 'accounts'"),
        ({"filter_columns": ("segment", "account")}, "filter column 'account' of the dataset 'accounts'"),
        ({"parties": ("bank-a", "bank-b", "bank-d")}, "peer 'bank-d'"),
        ({"dataset": "loans", "function": "count"}, "filter column 'segment' of the dataset 'loans'"),
    ],
)
def test_what_is_not_listed_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(PolicyRefused, match=re.escape(f"the policy does not list the {named}")):
        policy.parse(TEXT).check(replace(ASKED, **change))


def test_amounts_are_checked() -> None:
    owner = policy.parse(TEXT)
    with pytest.raises(GroupTooSmall, match="2 parties"):
        owner.check(replace(ASKED, parties=("bank-a", "bank-b", "bank-a")))
    with pytest.raises(BudgetExhausted, match=r"1\.5"):
        owner.check(replace(ASKED, epsilon=1.51))
    for epsilon in (-1.0, float("nan"), float("inf")):
        with pytest.raises(Invalid, match="epsilon"):
            owner.check(replace(ASKED, epsilon=epsilon))


def test_an_empty_policy_asks_the_owner_and_lists_no_dataset() -> None:
    owner = policy.parse("functions = ['sum']\nrequesters = ['analyst']")
    assert not owner.automatic
    assert owner.epsilon_per_period == 0
    with pytest.raises(PolicyRefused, match="dataset"):
        owner.check(ASKED)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("minimum_rows = 5", "minimum_row = 5"), "minimum_row"),
        (("requesters", "requestors"), "requestors"),
        (('filters = ["segment"]', 'filter = ["segment"]'), "filter"),
        (("minimum_group = 3", "minimum_group = 1"), "minimum_group"),
        (("minimum_rows = 5", "minimum_rows = '5'"), "minimum_rows"),
        (("period_days = 7", "period_days = 0"), "period_days"),
        (("epsilon_per_period = 1.5", "epsilon_per_period = nan"), "epsilon_per_period"),
        (("epsilon_per_period = 1.5", "epsilon_per_period = -1"), "epsilon_per_period"),
        (("epsilon_per_period = 1.5", "epsilon_per_period = inf"), "epsilon_per_period"),
        (('"automatic"', '"always"'), "approval"),
        (('["sum", "mean"]', '["*"]'), "functions"),
        (('["count"]', '["*"]'), "datasets.loans.functions"),
        (('functions = ["sum", "mean"]', ""), "functions"),
        (("[datasets.accounts]", "[datasets.accounts"), "line 11"),
    ],
)
def test_a_wrong_policy_is_refused_and_the_key_named(change: tuple[str, str], key: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(Invalid, match=re.escape(key)):
        policy.parse(TEXT.replace(*change))


def test_a_policy_reads_back_from_its_own_text() -> None:
    for owner in (policy.parse(TEXT), policy.permissive(["analyst", "me"])):
        assert policy.parse(owner.to_toml()) == owner


def test_a_local_profile_allows_its_user_every_column_but_keeps_the_limits() -> None:
    owner = policy.permissive(["me"])
    for function in ("sum", "count", "mean"):
        owner.check(replace(ASKED, requester="me", function=function, dataset="anything", columns=("x",), epsilon=10.0))
    owner.check(replace(ASKED, requester="me", function="vector_sum"))
    with pytest.raises(PolicyRefused):
        owner.check(ASKED)
    with pytest.raises(GroupTooSmall):
        owner.check(replace(ASKED, requester="me", parties=("bank-a", "bank-b")))
    with pytest.raises(BudgetExhausted):
        owner.check(replace(ASKED, requester="me", epsilon=10.1))
    assert owner.minimum_rows == 3


def test_a_change_of_the_file_takes_effect_at_once(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TEXT)
    file = PolicyFile(path)
    file.read().check(ASKED)
    path.write_text(TEXT.replace('"analyst"', '"somebody-else"'))
    with pytest.raises(PolicyRefused, match="requester"):
        file.read().check(ASKED)


@pytest.mark.parametrize("content", [b"minimum_rows = many", b"\xff", b"#" * ((1 << 20) + 1), None])
def test_a_broken_file_refuses_everything_and_only_the_log_says_why(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)
    with capture_logs() as logs, pytest.raises(PolicyRefused) as caught:
        PolicyFile(path).read()
    assert caught.value.message == "the owner's policy cannot be read, so every request is refused"
    assert logs[0]["event"] == "policy_unreadable"
    assert logs[0]["problem"].startswith("policy.toml: ")


def test_only_listed_trainers_are_run() -> None:
    text = 'functions = ["train"]\nrequesters = ["analyst"]\n[datasets.credit]\ncolumns = ["*"]\n'
    asked = Question(
        function="train", requester="analyst", dataset="credit", columns=("x",), trainer="scikit-learn", parties="abc"
    )
    with pytest.raises(PolicyRefused, match="trainer"):
        policy.parse(text).check(asked)
    policy.parse(f'trainers = ["scikit-learn"]\n{text}').check(asked)


def test_a_party_is_not_its_own_peer() -> None:
    given = policy.parse(TEXT.replace('peers = ["bank-a", "bank-b", "bank-c"]', 'peers = ["bank-b", "bank-c"]'))
    given.check_peers(("bank-a", "bank-b", "bank-c"), me="bank-a")
    with pytest.raises(PolicyRefused):
        given.check_peers(("bank-a", "bank-b", "bank-d"), me="bank-a")
