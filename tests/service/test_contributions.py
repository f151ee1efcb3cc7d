"""The coordinator carries firms' sealed shares: once to each node, whatever is down or restarted in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import grpc.aio
import numpy as np
import pytest

from coordinator.config import Limits
from steelyard.documents.contribution import Bundle
from steelyard.errors import (
    Conflict,
    Failed,
    Invalid,
    Malformed,
    Overloaded,
    PolicyRefused,
    SteelyardError,
    Unauthenticated,
)
from steelyard.field import from_signed, to_bytes
from steelyard.rpc import codec
from steelyard.v1 import coordinator_pb2 as pb
from tests.disk import contents
from tests.firms import DAY_MS, Firms, now_ms, only
from tests.service.fakes import PARTIES, World, meaning, until, world

MARKED = (4_180_339_887_49, 2_718_281_828_45)  # figures that occur nowhere by chance


def firms_of(w: World) -> Firms:
    return Firms(w.root, w.membership)


async def hand_in(w: World, *bundles: Bundle) -> list[str]:
    chunks = [chunk for bundle in bundles for chunk in codec.bundle_to_chunks(bundle)]
    return await handed(w, (pb.ContributeRequest(chunk=chunk) for chunk in chunks))


async def handed(w: World, requests: Iterable[pb.ContributeRequest]) -> list[str]:
    try:
        return list((await w.stub.Contribute(iter(list(requests)), timeout=20)).ids)
    except grpc.aio.AioRpcError as error:
        raise meaning(error) from None


async def listed(w: World) -> list[pb.Contribution]:
    return list((await w.stub.ListContributions(pb.ListContributionsRequest(), timeout=30)).contributions)


async def states(w: World) -> list[dict[str, str]]:
    return [{each.party: each.state for each in found.deliveries} for found in await listed(w)]


def kept(w: World) -> bytes:
    """Every byte that the coordinator has on disk."""
    return b"".join(contents(w.root / "state").values())


async def delivered(w: World, count: int, parties: Iterable[str] = PARTIES) -> None:
    await until(lambda: all(len(w.nodes[party].delivered) == count for party in parties))


async def settled(w: World) -> None:
    while any("waiting" in each.values() for each in await states(w)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def test_every_node_gets_its_own_share_and_the_coordinator_keeps_none(w: World) -> None:
    firms = firms_of(w)
    bundles = [firms.bundle("firm-x", 1), firms.bundle("firm-y", 2, 3)]
    ids = [firms.header(each).id for each in bundles]
    assert await hand_in(w, *bundles) == ids
    await delivered(w, 2)
    for party, node in w.nodes.items():
        assert [node.delivered[each] for each in ids] == [only(bundle, party) for bundle in bundles]
    await settled(w)
    assert await states(w) == [dict.fromkeys(PARTIES, "taken")] * 2
    await until(lambda: not any(each in kept(w) for bundle in bundles for each in bundle.parts.values()))


async def test_a_node_that_is_away_gets_its_share_when_it_is_back(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:
        bundle = firms_of(w).bundle()
        await hand_in(w, bundle)
        await delivered(w, 1, ("bank-a", "bank-c"))
        await until(lambda: bundle.parts["bank-a"] not in kept(w))
        assert bundle.parts["bank-b"] in kept(w)
        await w.nodes["bank-b"].start()
        await delivered(w, 1)


@pytest.mark.parametrize("length", [3, 140_000], ids=["small", "in a file"])
async def test_a_restarted_coordinator_delivers_what_was_left(tmp_path: Path, length: int) -> None:
    async with world(tmp_path, down=PARTIES) as w:
        bundle = firms_of(w).bundle("firm-x", *range(length))
        (identifier,) = await hand_in(w, bundle)
        await w.restart()
        for node in w.nodes.values():
            await node.start()
        await delivered(w, 1)
        assert w.nodes["bank-a"].delivered[identifier].parts == {"bank-a": bundle.parts["bank-a"]}
        await settled(w)
        assert list((w.root / "state" / "contributions").iterdir()) == []


async def test_what_is_handed_in_again_is_delivered_once(w: World) -> None:
    firms = firms_of(w)
    bundle = firms.bundle()
    (identifier,) = await hand_in(w, bundle)
    assert await hand_in(w, bundle, bundle) == [identifier] * 2
    await settled(w)
    assert len(await listed(w)) == 1
    with pytest.raises(Conflict):
        await hand_in(w, firms.bent(bundle, created_ms=now_ms()))


async def test_a_nodes_refusal_is_shown_with_its_reason_and_not_repeated(w: World) -> None:
    w.nodes["bank-b"].unwanted = PolicyRefused("the policy does not list the sponsor analyst")
    await hand_in(w, firms_of(w).bundle())
    await settled(w)
    (found,) = await listed(w)
    assert [(each.party, each.state, each.failure.reason) for each in found.deliveries] == [
        ("bank-a", "taken", ""),
        ("bank-b", "refused", "POLICY_REFUSED"),
        ("bank-c", "taken", ""),
    ]
    w.nodes["bank-b"].unwanted = None
    await asyncio.sleep(0.3)
    assert w.nodes["bank-b"].delivered == {}


async def test_a_node_without_room_is_tried_again(w: World) -> None:
    w.nodes["bank-b"].unwanted = Overloaded("full")
    await hand_in(w, firms_of(w).bundle())
    await delivered(w, 1, ("bank-a", "bank-c"))
    assert (await states(w))[0]["bank-b"] == "waiting"
    w.nodes["bank-b"].unwanted = None
    await delivered(w, 1)


async def test_a_sponsor_has_only_so_many_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-c",), limits=Limits(contributions_per_sponsor=2)) as w:
        firms = firms_of(w)
        first = [firms.bundle("firm-x"), firms.bundle("firm-y")]
        await hand_in(w, *first)
        with pytest.raises(Overloaded):
            await hand_in(w, firms.bundle("firm-z"))
        await hand_in(w, *first)  # these are here already
        await w.nodes["bank-c"].start()
        await settled(w)
        await hand_in(w, firms.bundle("firm-z"))


async def test_ciphertext_takes_only_so_much_room(tmp_path: Path) -> None:
    async with world(tmp_path, limits=Limits(contribution_megabytes=1), down=PARTIES) as w:
        firms = firms_of(w)
        await hand_in(w, firms.bundle("firm-x", *range(20_000)))
        with pytest.raises(Overloaded):
            await hand_in(w, firms.bundle("firm-y", *range(30_000)))
        await hand_in(w, firms.bundle("firm-z"))


async def test_too_large_a_bundle_is_refused_by_its_header_alone(tmp_path: Path) -> None:
    async with world(tmp_path, limits=Limits(bundle_megabytes=1)) as w:
        first, *_ = codec.bundle_to_chunks(firms_of(w).bundle("firm-x", *range(50_000)))
        with pytest.raises(Invalid, match="more than 1 MB"):
            await handed(w, [pb.ContributeRequest(chunk=first)])


async def test_a_full_disk_is_refused_and_nothing_is_lost(w: World) -> None:
    firms = firms_of(w)
    await hand_in(w, firms.bundle("firm-x"))
    await settled(w)
    database = w.app.store.database
    (pages,) = database.query("PRAGMA page_count")[0]
    database.query(f"PRAGMA max_page_count = {pages}")
    bundle = firms.bundle("firm-y", *range(100_000))
    with pytest.raises(Failed, match="disk is full"):
        await hand_in(w, bundle)
    assert len(await listed(w)) == 1
    database.query("PRAGMA max_page_count = 1000000")
    await hand_in(w, bundle)
    await delivered(w, 2)


def another_signature(firms: Firms, bundle: Bundle) -> Bundle:
    return Bundle(bundle.registration, firms.bundle("firm-y").header, bundle.parts)


def another_ciphertext(firms: Firms, bundle: Bundle) -> Bundle:
    return Bundle(bundle.registration, bundle.header, {**bundle.parts, "bank-b": bundle.parts["bank-a"]})


def no_ciphertext(firms: Firms, bundle: Bundle) -> Bundle:
    return Bundle(bundle.registration, bundle.header, {"bank-a": bundle.parts["bank-a"]})


def too_much_ciphertext(firms: Firms, bundle: Bundle) -> Bundle:
    return Bundle(bundle.registration, bundle.header, {**bundle.parts, "bank-x": b"more"})


def expired(firms: Firms, bundle: Bundle) -> Bundle:
    return firms.bent(bundle, created_ms=now_ms() - 2 * DAY_MS, expires_ms=now_ms() - DAY_MS)


def of_another_manifest(firms: Firms, bundle: Bundle) -> Bundle:
    return firms.bent(bundle, manifest="00" * 32)


@pytest.mark.parametrize(
    ("bend", "error"),
    [
        (another_signature, Unauthenticated),
        (another_ciphertext, Malformed),
        (no_ciphertext, Malformed),
        (too_much_ciphertext, Malformed),
        (expired, Invalid),
        (of_another_manifest, Conflict),
    ],
)
async def test_what_does_not_fit_is_refused_early(w: World, bend: object, error: type[SteelyardError]) -> None:
    firms = firms_of(w)
    with pytest.raises(error):
        await hand_in(w, bend(firms, firms.bundle()))  # type: ignore[operator]
    assert await listed(w) == []


async def test_a_stream_that_ends_in_the_middle_stores_only_whole_ones(w: World) -> None:
    firms = firms_of(w)
    first, *rest = codec.bundle_to_chunks(firms.bundle("firm-y", *range(200_000)))
    assert rest
    with pytest.raises(Malformed):
        await handed(w, [pb.ContributeRequest(chunk=first)])
    assert await listed(w) == []


async def test_another_requester_cannot_hand_in_what_it_does_not_sponsor(w: World) -> None:
    """The caller is the analyst; the registration names, and is signed by, somebody else."""
    firms = firms_of(w)
    bundle = firms.bundle()
    forged = firms.registration(firms.firm(), sponsor="auditor")
    with pytest.raises(Unauthenticated):
        await hand_in(w, Bundle(forged, bundle.header, bundle.parts))


async def test_what_waits_beyond_its_date_goes(tmp_path: Path) -> None:
    async with world(tmp_path, down=("bank-b",)) as w:
        bundle = firms_of(w).bundle("firm-x", *range(140_000))
        await hand_in(w, bundle)
        await until(lambda: len(list((w.root / "state" / "contributions").iterdir())) == 1)
        later = now_ms() + 40 * DAY_MS
        assert w.app.contributions.expire(later, 0) == 1
        assert (await states(w))[0]["bank-b"] == "expired"
        assert list((w.root / "state" / "contributions").iterdir()) == []
        w.app.contributions.expire(later, later)
        assert await listed(w) == []


async def test_no_byte_of_the_coordinator_holds_a_value(tmp_path: Path) -> None:
    async with world(tmp_path, down=PARTIES) as w:
        await hand_in(w, firms_of(w).bundle("firm-x", *MARKED))
        stored = kept(w)
        for value in MARKED:
            little = to_bytes(from_signed(np.array([value], dtype=np.int64)))
            assert not [each for each in (little, little[::-1], str(value).encode()) if each in stored]


async def test_pages_of_the_list_hold_each_contribution_once(w: World) -> None:
    firms = firms_of(w)
    ids = await hand_in(w, *(firms.bundle(f"firm-{number}") for number in range(5)))
    found: list[str] = []
    token = ""
    while True:
        answer = await w.stub.ListContributions(pb.ListContributionsRequest(page_size=2, page_token=token), timeout=30)
        found += [each.id for each in answer.contributions]
        token = answer.next_page_token
        if not token:
            break
    assert sorted(found) == sorted(ids)
