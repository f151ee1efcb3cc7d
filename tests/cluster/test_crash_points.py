"""Every named crash point with real processes and SIGKILL: nothing is lost, and nobody has to mend anything.

One consortium of 2-of-3 serves all of it; only who was killed starts again.  Each story is played from a whole
consortium to a whole one; together they pass every point, which the last test counts.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from clients.local import runner
from clients.local.layout import COORDINATOR
from clients.local.prepare import loopback_plan, prepare
from clients.sdk import Client
from clients.sdk.owner import Owner
from clients.sdk.records import AuditEntry
from steelyard.epochs import crash_points
from steelyard.errors import PartyMissing, SteelyardError
from tests.cluster import samples
from tests.cluster.crashing import ARMED, CrashingConsortium, Fuse
from tests.cluster.timing import COORDINATOR_TIMING, NODE_TIMING

T = TypeVar("T")
PARTIES: Final = ("bank-a", "bank-b", "bank-c")
ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 120.0
SOON: Final = 24.0  # seconds in which a change is given up; its own deadline is a quarter of an hour

pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("crash points"),
    pytest.mark.timeout(900),  # a story is tried again where a death came at another instant
    pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]


class Pool:
    """Three banks whose balances are shared as @pool."""

    def __init__(self, root: Path) -> None:
        self.consortium = CrashingConsortium.at(root / "consortium")
        self.passed: set[str] = set()
        self.total = Decimal(0)
        self._background = ThreadPoolExecutor(max_workers=2)

    def begin(self) -> None:
        prepare(self.consortium, loopback_plan(PARTIES, 2))
        for program in self.consortium.programs():
            with program.config.open("a") as file:
                file.write(COORDINATOR_TIMING if program.name == COORDINATOR else NODE_TIMING)
        runner.up(self.consortium, print)
        for party in PARTIES:
            with Owner(self.consortium.root, party) as owner:
                owner.import_dataset(samples.BALANCES / party / "accounts.csv", "accounts", _SCHEMA)
        with self.client() as client:
            self.total = Decimal(client.ask("sum", "accounts.balance").to_json()["result"]["total"])
            client.ask("share", "accounts.balance", options={"name": "pool"})

    def client(self) -> Client:
        return Client.from_profile(self.consortium.root)

    def ask(self, function: str, **options: Any) -> str:
        """The reason it failed for, or nothing."""
        try:
            with self.client() as client:
                client.ask(function, "@pool", timeout=PATIENCE, options=options)
        except SteelyardError as error:
            return error.reason
        return ""

    def audited(self, party: str, after: int = 0) -> Sequence[AuditEntry]:
        """What a node has written down since; in ascending order."""
        with Owner(self.consortium.root, party) as owner:
            return owner.audit(after, 1000).entries

    def strike(self, name: str, point: str, function: str, **options: Any) -> Future[str]:
        """Asks until somebody has died of it, and waits for that; the last question is still to be answered."""
        fuse = self.fuse(name)
        fuse.arm(point)
        until = time.monotonic() + PATIENCE

        def ask() -> str:
            reason = "never asked"
            while fuse.armed and time.monotonic() < until:
                reason = self.ask(function, **options)
            return reason

        asked = self._background.submit(ask)
        self.dies(name, point)
        return asked

    def fuse(self, name: str) -> Fuse:
        return self.consortium.fuse(name)

    def dies(self, name: str, point: str, seconds: float = PATIENCE) -> None:
        """Waits for the death that was arranged."""
        fuse, process = self.fuse(name), self.consortium.program(name).process
        eventually(lambda: not fuse.armed and process.pid is None, f"{name} at {point}", seconds)
        self.passed.add(point)

    def died(self, name: str, point: str, seconds: float) -> bool:
        """Whether it came to that in time."""
        try:
            self.dies(name, point, seconds)
        except AssertionError:
            return False
        return True

    def start(self, name: str, then: str = "") -> None:
        """Starts it again, perhaps to die once more: then before it is healthy."""
        if not then:
            runner.start(self.consortium, name, print)
            return
        self.fuse(name).arm(then)
        program = self.consortium.program(name)
        program.process.start(program.arguments)
        self.dies(name, then)

    def wipe(self, name: str) -> None:
        runner.kill(self.consortium, name)
        shutil.rmtree(self.consortium.program(name).home.path / "state")
        self.start(name)

    def refresh(self) -> None:
        eventually(lambda: not self.ask("refresh"), "a refresh")

    def is_whole(self) -> bool:
        try:
            with self.client() as client:
                [pool] = client.sharings()
                return len(client.parties()) == len(PARTIES) and not pool.missing and not pool.undecided
        except (SteelyardError, ValueError):
            return False

    def whole(self) -> None:
        """Nobody misses a share, nothing is undecided, and all three shares give the total: no epochs are mixed."""
        eventually(self.is_whole, "settled")
        eventually(self.answers, "an answer of all three")

    def answers(self) -> bool:
        """False while somebody who has just started does not answer yet."""
        try:
            with self.client() as client:
                answer = client.ask("sum", "@pool", timeout=PATIENCE).to_json()
        except PartyMissing:
            return False
        assert (answer["result"], answer["verified"]) == ({"total": f"{self.total}"}, True)
        return True


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    root = tmp_path_factory.mktemp("crashes")
    made = Pool(root)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(ARMED, str(made.consortium.root / "crash-points"))
        environment.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
        try:
            made.begin()
            yield made
        finally:
            runner.down(made.consortium)


def test_a_change_that_was_only_begun_is_given_up(pool: Pool) -> None:
    asked = pool.strike("bank-b", "start.before", "refresh")
    pool.start("bank-b")
    asked.result(PATIENCE)
    pool.whole()
    asked = pool.strike("bank-b", "start.saved", "refresh")
    pool.start("bank-b", "abort.before")
    pool.start("bank-b", "abort.saved")
    pool.start("bank-b")
    asked.result(PATIENCE)
    pool.whole()


def test_a_change_that_one_node_has_not_prepared_is_given_up_when_it_is_back(pool: Pool) -> None:
    """It votes against it.  The others have voted and must not go back alone: they unlock, and all keep theirs."""
    stories = (
        ("stage.before", ("unlock.before",)),
        ("stage.durable", ("unlock.saved",)),
        ("prepare.before", ("abandon.before", "abandon.saved")),
    )
    for point, after in stories:
        eventually(lambda: gives_up(pool, point, after), f"{after} after {point}", 4 * PATIENCE)  # noqa: B023


def test_a_change_that_all_have_voted_for_is_committed_whoever_dies(pool: Pool) -> None:
    before = epoch(pool)
    asked = pool.strike("bank-b", "prepare.saved", "refresh")
    pool.start("bank-b")
    asked.result(PATIENCE)
    pool.whole()
    assert epoch(pool) > before


def test_a_commit_is_taken_again_until_the_old_share_is_erased(pool: Pool) -> None:
    asked = pool.strike("bank-b", "commit.before", "refresh")
    pool.start("bank-b", "commit.saved")
    pool.start("bank-b", "erase.before")
    pool.start("bank-b", "erase.done")
    pool.start("bank-b")
    asked.result(PATIENCE)
    pool.whole()


def test_a_recovery_that_dies_is_asked_for_again(pool: Pool) -> None:
    """By whoever asked, or by the coordinator, which tries again: then nothing is missing, and it must be again."""
    for point in ("stale.before", "stale.saved", "recover.durable", "recover.before", "recover.saved"):
        pool.wipe("bank-c")
        asked = pool.strike("bank-c", point, "recover", party="bank-c")
        pool.start("bank-c")
        asked.result(PATIENCE)
    eventually(lambda: not pool.ask("recover", party="bank-c"), "a recovery")
    pool.refresh()
    pool.whole()


def test_a_coordinator_that_dies_asks_again(pool: Pool) -> None:
    for point in ("collect.before", "collect.done"):
        asked = pool.strike(COORDINATOR, point, "refresh")
        pool.start(COORDINATOR)
        asked.result(PATIENCE)
        pool.whole()
    for point in ("deliver.before", "deliver.between", "deliver.done"):
        asked = pool.strike("bank-b", "commit.before", "refresh")
        pool.fuse(COORDINATOR).arm(point)
        pool.start("bank-b")
        pool.dies(COORDINATOR, point)
        pool.start(COORDINATOR)
        asked.result(PATIENCE)
        pool.whole()


def test_every_point_was_passed(pool: Pool) -> None:
    assert pool.passed == set(crash_points.NAMES)


def gives_up(pool: Pool, point: str, after: tuple[str, ...]) -> bool:
    """False where the words that bank-b had ready died with it, so that bank-c has not voted and need not unlock.

    The change is given up; the coordinator may ask again, and its next attempt may be made: the answer says whether.
    """
    before, entered = epoch(pool), pool.audited("bank-a")[-1].sequence
    asked = pool.strike("bank-b", point, "refresh")
    pool.start("bank-b")
    come = True
    for each in after:
        pool.fuse("bank-c").arm(each)
        come = come and pool.died("bank-c", each, SOON)
        pool.fuse("bank-c").disarm()
        pool.start("bank-c")
    made_after_all = not asked.result(PATIENCE)
    pool.whole()
    assert epoch(pool) == before + made_after_all
    since = pool.audited("bank-a", entered)
    _, *again = (entry.fields["attempt"] for entry in since if entry.event == "change_begun")
    committed = [entry.fields["attempt"] for entry in since if entry.event == "change_committed"]
    assert committed == again[-1:] * made_after_all
    return come


def epoch(pool: Pool) -> int:
    with pool.client() as client:
        return int(client.sharing("pool").epoch)


def eventually(look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"it did not come to this: {what}"
        time.sleep(0.05)
    return found


_SCHEMA: Final = samples.BALANCES / "accounts.schema.toml"
