"""A lender's call from Python, over real connections: answered, computed once, forgotten."""

from __future__ import annotations

import msgspec
import pytest

from clients.sdk import AsyncClient
from steelyard.errors import Conflict, NotFound, Unauthenticated
from tests.cluster.calls import CURRENT, statements_of
from tests.cluster.in_process import InProcess
from tests.cluster.runner import PARTIES

pytestmark = pytest.mark.xdist_group("in_process")


async def test_a_call_is_answered_computed_once_and_forgotten(in_process: InProcess) -> None:
    file = in_process.put("firm-p.csv", statements_of("firm-p"))
    asked = {"ratios": ["current"], "subjects": ["firm-p"], "called": ["firm-p"], "decimals": 2}
    with in_process.client() as client:
        call = client.call("ratio", "statements.firm", options=asked, purpose="a loan")
        assert client.unanswered(call) == ("firm-p",)
        with pytest.raises(NotFound):
            client.run(call)
        answered = client.answer(call, file, "firm-p")
        assert {each.state for each in answered.deliveries} == {"taken"}
        assert client.unanswered(call) == ()
        for party in PARTIES:
            with in_process.owned(party) as owner:
                assert answered.id in [each.id for each in owner.inbox()]

        async with AsyncClient.from_profile(in_process.root) as again:
            result = await again.run(call)
        [firm] = result.value["firms"]
        assert firm["ratios"]["current"]["value"] == f"{CURRENT:.2f}"
        assert any("times random numbers" in leak.what for leak in result.leakage)
        with pytest.raises(Conflict, match=f"as {result.computation}"):
            client.run(call)
        for party in PARTIES:
            with in_process.owned(party) as owner:
                assert answered.id not in [each.id for each in owner.inbox()]
                noted = [
                    entry.fields for entry in owner.audit(limit=1000).entries if entry.event == "contributions_final"
                ]
            assert result.computation in [each["computation"] for each in noted]

        with pytest.raises(Unauthenticated):
            client.run(msgspec.structs.replace(call, payload=call.payload.replace(b'"decimals":2', b'"decimals":4')))
