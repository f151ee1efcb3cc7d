"""Banks and firms without a node in one stored sharing, over real connections: taken up, asked about, refreshed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from clients.sdk.deadlines import Deadline
from clients.sdk.firm_table import read_table
from clients.sdk.results import Result
from steelyard.documents.contribution import Bundle, ContributionHeader, commitment, context, seal_digest
from steelyard.documents.contributor import Contributor
from steelyard.documents.signed import read, sign
from steelyard.errors import NotFound
from steelyard.functions.record import PURPOSE
from steelyard.identity.homes import Layout
from steelyard.identity.sealing import seal
from tests.cluster.by_sdk import SdkRunner
from tests.cluster.runner import PARTIES

DATASET = "dues"
SCHEMA = '[columns.amount]\ntype = "decimal"\ndecimals = 2\n'
ALLOWED = (
    "functions = [",
    'functions = [\n    "share", "refresh", "forget",',
)
RULE = f'\n[datasets.{DATASET}]\ncolumns = ["amount"]\n'


@pytest.fixture
def dues(local_runner: SdkRunner) -> Iterator[SdkRunner]:
    """Everybody's policy allows it; what scenarios leave at the nodes goes, others' before and its own after it."""
    runner, before = local_runner, {party: local_runner.policy(party) for party in PARTIES}
    empty_inboxes(runner)
    for party, text in before.items():
        runner.set_policy(party, text.replace(*ALLOWED) + RULE)
    (runner.data / f"{DATASET}.schema.toml").write_text(SCHEMA)
    yield runner
    empty_inboxes(runner)
    for party, text in before.items():
        with runner.owned(party) as owner:
            if DATASET in [each.dataset.name for each in owner.datasets()]:
                owner.delete_dataset(DATASET)
        runner.set_policy(party, text)


def empty_inboxes(runner: SdkRunner) -> None:
    for party in PARTIES:
        with runner.owned(party) as owner:
            for each in owner.inbox():
                with suppress(NotFound):  # the node itself has dropped it meanwhile
                    owner.drop_contribution(each.id)


def table(runner: SdkRunner, name: str, *amounts: str) -> Path:
    path = runner.data / f"{name}.csv"
    path.write_text("\n".join(["amount", *amounts]) + "\n")
    return path


def bank(runner: SdkRunner, party: str, *amounts: str) -> None:
    (runner.data / party / f"{DATASET}.csv").write_text("\n".join(["amount", *amounts]) + "\n")
    assert runner.import_rows(party, DATASET).code == 0


def firm(runner: SdkRunner, name: str, *amounts: str) -> str:
    with runner.client() as client:
        schema = runner.data / f"{DATASET}.schema.toml"
        made = client.contribute(table(runner, name, *amounts), name, DATASET, schema=schema)
    assert {each.state for each in made.deliveries} == {"taken"}
    return made.id


def share(runner: SdkRunner, name: str) -> Result:
    with runner.client() as client:
        return client.ask("share", f"{DATASET}.amount", options={"name": name})


def asked(runner: SdkRunner, function: str, name: str, **options: Any) -> dict[str, Any]:
    column = "" if function in ("refresh", "forget") else ".amount"
    with runner.client() as client:
        value: dict[str, Any] = client.ask(function, f"@{name}{column}", options=options, allow_missing=True).to_json()[
            "result"
        ]
    return value


def inbox(runner: SdkRunner, party: str) -> set[str]:
    with runner.owned(party) as owner:
        return {each.contributor for each in owner.inbox()}


def doubts(runner: SdkRunner, party: str) -> list[dict[str, Any]]:
    entries = runner.audit(party)["entries"]
    return [each["fields"] for each in entries if each["event"] == "contribution_doubted"]


def test_banks_and_firms_stand_side_by_side_in_a_pool_that_lives_on(dues: SdkRunner) -> None:
    bank(dues, "bank-a", "10.00", "20.00", "30.00")
    bank(dues, "bank-d", "1.00", "2.00", "3.00")
    ids = [firm(dues, "firm-x", "100.00", "-5.50", "1.00"), firm(dues, "firm-y", "0.25", "0.00", "0.00")]
    with ExitStack() as after:
        result = share(dues, "dues_one")
        after.callback(asked, dues, "forget", "dues_one")
        assert result.value["contributors"] == ["firm-x", "firm-y"]
        assert set(result.parties) == {"bank-a", "bank-d", "firm-x", "firm-y"}
        assert asked(dues, "sum", "dues_one") == {"total": "161.75"}
        assert asked(dues, "refresh", "dues_one")["epoch"] == 2
        dues.kill("bank-b")
        dues.start("bank-b")
        assert asked(dues, "stats", "dues_one")["max"] == "100.00"
        ranked = asked(dues, "top", "dues_one", count=2)["top"]
        assert [each["party"] for each in ranked] == ["firm-x", "bank-a"]
        assert [inbox(dues, party) for party in PARTIES] == [set()] * 4
        with dues.owned("bank-c") as owner:
            newest = owner.ledger().releases[-1]
        assert set(newest.parties) == set(result.parties)
        assert len(set(ids)) == 2


def test_a_contribution_that_one_node_misses_waits_and_the_next_sharing_takes_it(dues: SdkRunner) -> None:
    for name in ("firm-x", "firm-y", "firm-z"):
        firm(dues, name, "1.00", "2.00", "3.00")
    late = firm(dues, "firm-late", "7.00", "1.00", "1.00")
    with dues.owned("bank-c") as owner:
        owner.drop_contribution(late)
    with ExitStack() as after:
        result = share(dues, "dues_two")
        after.callback(asked, dues, "forget", "dues_two")
        assert (result.value["contributors"], result.value["waiting"]) == (["firm-x", "firm-y", "firm-z"], 1)
        assert asked(dues, "sum", "dues_two") == {"total": "18.00"}
        assert (inbox(dues, "bank-a"), inbox(dues, "bank-c")) == ({"firm-late"}, set())


def test_a_bad_dealing_is_left_out_named_and_forgotten(dues: SdkRunner) -> None:
    for name in ("firm-x", "firm-y", "firm-z"):
        firm(dues, name, "1.00", "2.00", "3.00")
    hand_in_bad(dues, "firm-guilty", "bank-a", "bank-b")
    hand_in_bad(dues, "firm-doubted", "bank-d")
    with ExitStack() as after:
        result = share(dues, "dues_three")
        after.callback(asked, dues, "forget", "dues_three")
        assert (result.value["contributors"], result.value["doubted"]) == (["firm-x", "firm-y", "firm-z"], 2)
    said = {each["contributor"]: (each["culprits"], each["suspects"]) for each in doubts(dues, "bank-c")}
    assert said["firm-guilty"] == (["firm-guilty"], [])
    assert {"bank-d", "firm-doubted"} <= set(said["firm-doubted"][1])
    assert [inbox(dues, party) for party in PARTIES] == [{"firm-doubted"}] * 4


def test_an_empty_dataset_is_refused_and_a_firm_with_other_decimals_left_out(dues: SdkRunner) -> None:
    with pytest.raises(NotFound):
        share(dues, "dues_four")
    for name in ("firm-x", "firm-y", "firm-z"):
        firm(dues, name, "1.00", "2.00", "3.00")
    (whole := dues.data / "whole.schema.toml").write_text('[columns.amount]\ntype = "integer"\n')
    with dues.client() as client:
        client.contribute(table(dues, "odd", "1", "2", "3"), "firm-odd", DATASET, schema=whole)
    with ExitStack() as after:
        result = share(dues, "dues_four")
        after.callback(asked, dues, "forget", "dues_four")
        assert (result.value["contributors"], result.value["doubted"]) == (["firm-x", "firm-y", "firm-z"], 1)
    assert ([], ["firm-odd"]) in [(each["culprits"], each["suspects"]) for each in doubts(dues, "bank-c")]


def hand_in_bad(runner: SdkRunner, name: str, *wrong: str) -> None:
    """A firm that deals these nodes shares which are on no polynomial with the others', and commits to them."""
    with runner.client() as client:
        firm = client.firm(name)
        found = read_table(table(runner, name, "1.00", "2.00"), ())
        bundle = firm.seal(found.layers, dataset=DATASET, purpose=PURPOSE, columns=found.columns, rows=found.rows)
        (identifier,) = client.hand_in([_bent(runner, name, bundle, wrong)])
        assert {each.state for each in client._delivered(identifier, Deadline(20)).deliveries} == {"taken"}


def _bent(runner: SdkRunner, name: str, bundle: Bundle, wrong: tuple[str, ...]) -> Bundle:
    header, contributor = (
        read(ContributionHeader, bundle.header.payload),
        read(Contributor, bundle.registration.payload),
    )
    firm_key = Layout(runner.root).contributor(name).signing_key()
    with runner.client() as client:
        keys = client.firm(name).keys
    parts, commitments, sealed = dict(bundle.parts), dict(header.commitments), dict(header.sealed)
    for party in wrong:
        share = np.full(header.length, 1 + PARTIES.index(party), dtype=np.uint64).tobytes()
        bound = context(header.manifest, header.id, name, contributor.signing, party)
        parts[party] = seal(keys.key(party), share, bound)
        commitments[party], sealed[party] = commitment(header.id, party, share), seal_digest(parts[party])
    said = msgspec.structs.replace(header, commitments=commitments, sealed=sealed)
    return Bundle(bundle.registration, sign(said, name, firm_key), parts)
