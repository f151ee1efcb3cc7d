"""Scenarios of encrypted statements: ratios, scores, a benchmark; see `tests.cluster.scenarios`."""

from __future__ import annotations

import time
from typing import Final

from steelyard.ckks.ratios import RATIOS
from steelyard.ckks.scores import ALTMAN_Z2, FEATURES
from tests.cluster import samples
from tests.cluster.runner import COORDINATOR, PARTIES, Facts, Runner
from tests.cluster.scenarios import ENDED, PATIENCE, again, changed_policy, dead, eventually, newest

FIRM: Final = "statements.firm"
ASKED: Final = ("current", "debt_to_equity", "roa")
BOUND: Final = 1e-4
BRIEF: Final = 8.0  # seconds of life, in which a request has to reach its owner on a busy machine
FIRMS: Final = {name: items for party in PARTIES for name, items in samples.statements(party).items()}


def ratios_of_all_firms_are_those_of_their_statements(runner: Runner) -> None:
    firms = runner.ask("ratio", FIRM, options={"ratios": list(ASKED)}).result["firms"]
    assert [each["subject"] for each in firms] == sorted(FIRMS)
    for each in firms:
        for name in ASKED:
            assert abs(float(each["ratios"][name]["value"]) - plain(name, each["subject"])) <= BOUND
    kept = runner.coordinator_state()
    assert not [name for name in FIRMS if name.encode() in kept]
    assert not [name for name in FIRMS if name in runner.logs(COORDINATOR)]


def one_firm_s_ratio_takes_its_own_owner_s_consent_alone(runner: Runner) -> None:
    asked: Facts = {"ratios": ["current"], "subjects": ["bank-a-firm-0"]}
    with (
        changed_policy(runner, "bank-b", '"ratio", ', ""),
        changed_policy(runner, "bank-c", "minimum_group = 3", "minimum_group = 4"),
    ):
        [firm] = runner.ask("ratio", FIRM, options=asked).result["firms"]
        assert abs(float(firm["ratios"]["current"]["value"]) - plain("current", "bank-a-firm-0")) <= BOUND
        refused = runner.ask("ratio", FIRM, options={"ratios": ["current"]})
        assert (refused.code, refused.reason) == (4, "POLICY_REFUSED")
        assert refused.names("bank-b")
    with changed_policy(runner, "bank-a", '"ratio", ', ""):
        refused = runner.ask("ratio", FIRM, options=asked)
        assert (refused.code, refused.reason) == (4, "POLICY_REFUSED")
        assert refused.names("bank-a")


def scores_by_a_private_model_are_its_own(runner: Runner) -> None:
    answer = runner.ask("score", FIRM, options={"weights": ALTMAN_Z2})
    bound = float(answer.result["error_bound"])
    for each in answer.result["firms"]:
        expected = sum(weight * feature(name, each["subject"]) for name, weight in ALTMAN_Z2.items())
        assert abs(float(each["score"]) - expected) <= bound
    assert "6.56" not in str(runner.show(answer.data["computation"]).data["result"])


def a_dead_owner_is_named_and_nothing_is_released(runner: Runner) -> None:
    with dead(runner, "bank-d"):
        answer = runner.ask("ratio", FIRM, options={"ratios": ["current"]})
        assert (answer.code, answer.reason) == (5, "PARTY_MISSING")
        assert answer.names("bank-d")
        assert newest(runner)["state"] in ENDED
        assert runner.show(newest(runner)["id"]).data["result"] is None
        left = runner.ask("ratio", FIRM, options={"ratios": ["current"]}, allow_missing=True)
        assert {each["party"] for each in left.result["firms"]} == set(PARTIES[:3])
    again(runner)
    assert len(runner.ask("ratio", FIRM, options={"ratios": ["current"]}).result["firms"]) == len(FIRMS)


def a_firm_learns_its_place_among_its_peers(runner: Runner) -> None:
    subject = "bank-b-firm-0"
    mine, others = plain("roa", subject), [plain("roa", name) for name in FIRMS if name != subject]
    asked: Facts = {"subject": subject, "ratio": "roa"}
    found = runner.ask("benchmark", FIRM, options=asked).result
    assert found["peers"] == len(others)
    assert abs(float(found["distance"]) - (mine - sum(others) / len(others))) <= BOUND
    found = runner.ask("benchmark", FIRM, options={**asked, "percentile": True}).result
    assert abs(float(found["percentile"]) - 100 * sum(each < mine for each in others) / len(others)) <= 0.05


def a_ratio_whose_request_expires_before_its_owner_decides_is_never_told(runner: Runner) -> None:
    with changed_policy(runner, "bank-a", '"automatic"', '"manual"'):
        asked = runner.asking("ratio", FIRM, options={"ratios": ["current"]}, valid_for=BRIEF)
        [request] = eventually(lambda: runner.waiting("bank-a"))
        time.sleep(BRIEF + 0.1)
        late = runner.decide("bank-a", request["id"], approve=True)
        assert late.code != 0
        assert "expired" in late.error["message"]
        assert asked.result(PATIENCE).code != 0
    assert runner.show(request["id"]).data["result"] is None


def plain(name: str, firm: str) -> float:
    """The quotient."""
    ratio = RATIOS[name]
    (above,), (below,) = ratio.numerator.items, ratio.denominator.items
    return FIRMS[firm][above] / FIRMS[firm][below]


def feature(name: str, firm: str) -> float:
    items, made = FIRMS[firm], FEATURES[name]
    above = sum(-items[each[1:]] if each.startswith("-") else items[each] for each in made.numerator.items)
    return above / items[made.denominator.items[0]]
