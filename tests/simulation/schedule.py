"""One schedule: a seed, a shape, faults for a while, then calm; and what must hold whatever happened.

* Some epoch is held by at least k honest nodes at every erasure, and their shares give the value.
* No two changes of one epoch are both in use by k honest nodes, and no honest node votes both ways.
* When all is calm, every honest node that should have a share has the one of the current epoch, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from simulation import arithmetic
from simulation.adversary import Patient, TwoFaced
from simulation.coordinator import Coordinator
from simulation.dice import Dice
from simulation.disk import Content
from simulation.node import Node
from simulation.pens import remembering, signing, verifying
from simulation.saboteur import Saboteur
from simulation.world import Weather, World

from steelyard.documents.signed import Signed
from steelyard.epochs.certificate import Commit, decide, double_votes
from steelyard.epochs.change import NOTHING, Base, Change, share_digest
from steelyard.epochs.committee import Committee
from steelyard.epochs.settlement import Recover
from steelyard.protocols.vote import Ballot
from steelyard.rounds import Protocol

SHARING = "5a" * 16
JUMP = 24 * 3_600_000  # ms by which a clock is wrong
NAMES = [f"bank-{letter}" for letter in "abcdefghij"]


@dataclass(frozen=True)
class Options:
    size: int = 5
    threshold: int = 3
    liars: int = 2
    two_faced: int = 0
    losses: int = 0  # disks lost, over the whole schedule
    set_back: bool = True  # or replaced by an old copy: such a node counts as a liar until it is recovered
    reshares: bool = False
    spare: int = 0  # nodes that hold nothing at first
    sabotage: bool = False  # by the coordinator, for as long as there are faults
    changes: int = 3  # that the coordinator begins while there are faults
    faults_ms: int = 12_000
    calm_ms: int = 60_000


class Violation(AssertionError):
    """The message says what was lost and how to see it again."""


@dataclass
class Outcome:
    seed: int
    commits: int
    events: int
    passed: set[str] = field(default_factory=set)


class Schedule:
    description = "00" * 32

    def __init__(self, seed: int, options: Options) -> None:
        self.seed, self.options = seed, options
        self.dice = Dice(seed)
        self.world = World(self.dice, Weather())
        self.sharing = SHARING
        names = NAMES[: options.size + options.spare]
        self.points = {name: 3 * index + 1 for index, name in enumerate(names)}
        self.keys = {name: verifying(name) for name in names}
        self.passed: set[str] = set()
        self.said: list[Signed] = []
        self.commits: dict[str, Commit] = {}
        self.begun = 0
        self.over = False
        self.value = self.dice.number() % arithmetic.P
        self.faces = set(self._pick(names[: options.size], options.two_faced))
        self.nodes: dict[str, Node] = {}
        self.lost: set[str] = set()
        for name in names:
            kind = self.dice.pick([Patient, TwoFaced]) if name in self.faces else Node
            self.nodes[name] = kind(name, self)
        self._share_out(names[: options.size])
        self.coordinator = (Saboteur if options.sabotage else Coordinator)(self)

    def run(self) -> Outcome:
        """Raises Violation."""
        with remembering():
            return self._run()

    def _run(self) -> Outcome:
        weather, dice = self.world.weather, self.dice
        weather.loss, weather.repeat = dice.pick([0, 0, 2, 10, 40]), dice.below(200)
        weather.slow, weather.crash = dice.pick([0, 10, 50]), dice.pick([0, 1, 2, 5, 20])
        self._plan_trouble()
        self.world.run(self.options.faults_ms)
        self.world.calm()
        for node in self.nodes.values():
            node.skew = 0  # its clock is set
            node.rise()
        self.coordinator.up = True
        self.world.run(self.world.now + self.options.calm_ms, self._is_calm)
        self._check_end()
        self.over = True
        return Outcome(self.seed, len(self.commits) - 1, self.world.events, self.passed)

    # ---- what happens -----------------------------------------------------------------------------------------------

    def _plan_trouble(self) -> None:
        dice, until = self.dice, self.options.faults_ms
        for _ in range(dice.below(3)):
            start = dice.below(until)
            names = [*self.nodes, "coordinator"]
            side = frozenset(dice.some(names))
            self.world.after(start, lambda side=side: self._part(side))
            self.world.after(start + 200 + dice.below(4000), lambda: self._part(frozenset()))
        for _ in range(dice.below(4)):
            node = self.nodes[dice.pick(list(self.nodes))]
            self.world.after(dice.below(until), lambda node=node: node.die() if node.up else None)
        if dice.chance(200):
            node = self.nodes[dice.pick(list(self.nodes))]
            jump = dice.pick([-JUMP, -1000, 1000, JUMP])
            self.world.after(dice.below(until), lambda: setattr(node, "skew", jump))
        for name in self._pick([n for n, node in self.nodes.items() if node.honest], self.options.losses):
            self._plan_loss(self.nodes[name])

    def _plan_loss(self, node: Node) -> None:
        """The disk dies, or comes back as it was some time ago."""
        when = self.dice.below(self.options.faults_ms)
        saved = Content()
        if self.options.set_back and self.dice.chance(500):
            self.world.after(self.dice.below(when + 1), lambda: self._keep(saved, node))
        self.world.after(when, lambda: self._lose(node, saved))

    def _keep(self, saved: Content, node: Node) -> None:
        copy = node.disk.durable.copy()
        saved.records, saved.claims, saved.shares = copy.records, copy.claims, copy.shares

    def _lose(self, node: Node, saved: Content) -> None:
        self.lost.add(node.party)
        node.lose_disk(saved)

    def _part(self, side: frozenset[str]) -> None:
        self.world.apart = side

    def _pick(self, names: list[str], count: int) -> list[str]:
        names = list(names)
        return [names.pop(self.dice.below(len(names))) for _ in range(min(count, len(names)))]

    def _share_out(self, names: list[str]) -> None:
        new = Committee(self.options.threshold, {name: self.points[name] for name in names})
        change = self._first(new)
        shares = arithmetic.deal(self.dice, self.value, new.threshold, list(new.points.values()))
        votes = []
        for name, point in new.points.items():
            node, body = self.nodes[name], arithmetic.to_bytes(shares[point])
            digest = share_digest(change.slot, name, body)
            node.machine.start(change, 0)
            node.disk.stage(change.slot, body, digest)
            votes.append(node.machine.prepare(change, "00" * 32, "00" * 32, digest))
        self.note(votes)
        commit = decide(change, votes, self.keys)
        for name in names:
            self.nodes[name].show(commit)  # type: ignore[arg-type]

    def _first(self, new: Committee) -> Change:
        return Change(
            sharing=SHARING, description=self.description, manifest="00" * 32, attempt=self.dice.token(), kind="share",
            base=NOTHING, old=None, new=new, voters=new.holders, liars=self.options.liars, expires_ms=1,
        )  # fmt: skip

    # ---- what nodes and the coordinator ask -------------------------------------------------------------------------

    def signing(self, party: str) -> Ed25519PrivateKey:
        return signing(party)

    def protocol(self, party: str, change: Change, share: bytes | None, ballot: Ballot) -> Protocol[tuple[Signed, ...]]:
        return arithmetic.cheap_change(party, change, share, ballot, self.dice)

    def recover(self, node: Node, step: Recover) -> None:
        """What a node does that is told to be recovered."""
        node.gather(step)

    def accepts(self, known: str | None, found: str, agree: int, change: Change) -> bool:
        """Whether a rebuilt share is the one: by its digest, or as k honest helpers must be among those who agree."""
        return found == known if known else agree >= change.new.threshold + self.options.two_faced

    def wants_change(self) -> bool:
        return self.begun < self.options.changes and self.world.now < self.options.faults_ms and self.dice.chance(600)

    def next_committee(self, old: Committee) -> Committee:
        if not self.options.reshares or self.dice.chance(500):
            return old
        leaves = self.dice.pick(old.holders)
        joins = [name for name in self.points if name not in old.points]
        if not joins:
            return old
        names = sorted({*old.points, self.dice.pick(joins)} - {leaves})
        return Committee(old.threshold, {name: self.points[name] for name in names})

    def proposed(self, change: Change) -> None:
        self.begun += 1

    def committed(self, commit: Commit) -> None:
        self.commits.setdefault(commit.change.attempt, commit)

    def note(self, votes: Iterable[Signed]) -> None:
        self.said += votes

    # ---- what must hold ---------------------------------------------------------------------------------------------

    def after_erasure(self) -> None:
        if not any(self._opens(base, nodes) for base, nodes in self._holders(active=False).items()):
            self._fail("no epoch is held by enough honest nodes: the value is lost")
        self._check_forks()

    def _honest(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.honest]

    def _holders(self, active: bool) -> dict[Base, list[Node]]:
        """Honest nodes by the shares on their disks, or by the share that they use."""
        found: dict[Base, list[Node]] = {}
        for node in self._honest():
            record = node.disk.durable.records.get(SHARING)
            used = record.base if record and record.standing == "active" else None
            for slot, (_, digest) in node.disk.durable.shares.items():
                base = Base(slot.epoch, slot.attempt)
                if digest and (not active or base == used):
                    found.setdefault(base, []).append(node)
        return found

    def _opens(self, base: Base, nodes: list[Node]) -> bool:
        """Whether these shares are enough; a wrong value is a violation whenever they are."""
        commit = self.commits.get(base.attempt)
        if commit is None:
            return False
        new = commit.change.new
        shares = {
            new.points[node.party]: arithmetic.from_bytes(node.disk.durable.shares[commit.change.slot][0])
            for node in nodes
            if node.party in new.points
        }
        if len(shares) < new.threshold:
            return False
        if any(arithmetic.at(dict(islice(shares.items(), i, i + new.threshold)), 0) != self.value
               for i in range(len(shares) - new.threshold + 1)):  # fmt: skip
            self._fail(f"the shares of epoch {base.epoch} give another value")
        return True

    def _check_forks(self) -> None:
        used = [base for base, nodes in self._holders(active=True).items() if self._opens(base, nodes)]
        froms = [self.commits[base.attempt].change.base for base in used]
        if len({(base.epoch, base.attempt) for base in froms}) != len(froms):
            self._fail("two changes of one epoch are both in use")

    def _is_calm(self) -> bool:
        seen = self.coordinator.last
        if seen is None or not seen.settled or self.world.now < self.options.faults_ms + 1000:
            return False
        return not self._left_behind()

    def _left_behind(self) -> list[str]:
        """Honest nodes that have not what they should have."""
        statuses = {node.party: node.status() for node in self._honest()}
        current = max(
            (s.record.base for s in statuses.values() if s.record.standing == "active"),
            key=lambda b: b.epoch,
            default=NOTHING,
        )
        commit = self.commits.get(current.attempt)
        if commit is None:
            return sorted(statuses)
        behind = []
        for party, status in statuses.items():
            record, holds = status.record, party in commit.change.new.points
            right = record.standing == "active" and record.base == current and status.sound
            if record.undecided is not None or holds != right:
                behind.append(party)
        return behind

    def _check_end(self) -> None:
        if behind := self._left_behind():
            self._fail(f"still behind after all is calm: {', '.join(behind)}")
        self.after_erasure()
        bad = [one.signer for one, _ in double_votes(self.said, self.keys) if self.nodes[one.signer].honest]
        if set(bad) - (self.lost if self.options.set_back else set()):
            self._fail("an honest node voted both ways")

    def _fail(self, what: str) -> None:
        raise Violation(f"{what}; replay: run({self.seed}, {self.options!r})")


def run(seed: int, options: Options | None = None) -> Outcome:
    return Schedule(seed, options or Options()).run()
