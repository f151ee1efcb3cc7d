"""`Saboteur`: a coordinator in league with the liars; it does with messages whatever no signature forbids.

It withholds, reorders, repeats what is long over, shows different nodes different things, starts changes with different
voters under one name, asks about changes that nobody began, and forges with the pens of the liars.  In the calm at the
end somebody else does its work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from simulation.coordinator import Coordinator

from steelyard.documents.signed import Signed, sign
from steelyard.epochs.certificate import Abort, Certificate, Commit
from steelyard.epochs.change import Change
from steelyard.epochs.settlement import Ask, Recover, Show, Step
from steelyard.epochs.votes import Aborted, Prepared, Unlocked

if TYPE_CHECKING:
    from simulation.schedule import Schedule

LATE = 4000  # ms that it keeps a message back at most
FLOOD = 20  # made-up changes at once: more than a node keeps its votes on


class Saboteur(Coordinator):
    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self.certificates: dict[Certificate, None] = {}
        self.changes: dict[str, Change] = {}  # begun or made up, by digest

    def _look(self) -> None:
        super()._look()
        if self.world.is_calm or not self.statuses:
            return
        for status in self.statuses.values():
            record = status.record
            held = [each.commit for each in (record.active, record.kept) if each]
            self.certificates |= dict.fromkeys([*held, *record.abandoned, *filter(None, [record.ahead])])
        for certificate in self.certificates:
            self.changes.setdefault(certificate.change.digest, certificate.change)
        tricks: list[Callable[[], None]] = [
            self._repeat, self._ask, self._invent, self._bury, self._forge, self._remind, self._send_back,
            self._start_again,
        ]  # fmt: skip
        for _ in range(self.world.dice.below(3)):
            self.world.dice.pick(tricks)()

    # ---- what it does with what it should do ------------------------------------------------------------------------

    def _bring(self, step: Step, votes: Sequence[Signed]) -> None:
        dice = self.world.dice
        if self.world.is_calm:
            super()._bring(step, votes)
        elif not dice.chance(400):
            self.world.after(dice.below(LATE), lambda: Coordinator._bring(self, step, dice.some(votes)))

    def _start(self, change: Change) -> None:
        """Under one name, with other voters and deadlines for some; and some hear of it late, or never."""
        dice = self.world.dice
        if self.world.is_calm or dice.chance(600):
            super()._start(change)
            return
        variants = [change, change, self._variant(change)]
        for each in variants:
            self.changes[each.digest] = each
        for party in dict.fromkeys(party for each in variants for party in each.voters):
            if not dice.chance(100):
                told = dice.pick([each for each in variants if party in each.voters])
                self.world.after(dice.below(LATE) if dice.chance(200) else 0, lambda p=party, t=told: self._tell(p, t))

    def _variant(self, change: Change) -> Change:
        dice = self.world.dice
        entitled = sorted({*change.new.points, *(change.old.points if change.old else {})})
        voters = dice.pick([change.voters, tuple(entitled), tuple(dice.some(entitled))])
        attempt = dice.pick([change.attempt, dice.token()])
        expires = dice.pick([change.expires_ms, self.world.now, self.world.now + 9000])
        return msgspec.structs.replace(change, voters=voters, attempt=attempt, expires_ms=expires)

    # ---- tricks -----------------------------------------------------------------------------------------------------

    def _repeat(self) -> None:
        """What was decided, long ago perhaps, and perhaps otherwise for others."""
        if self.certificates:
            certificate = self.world.dice.pick(list(self.certificates))
            self._to_some(lambda party: Show(party, certificate))

    def _ask(self) -> None:
        if self.changes:
            self._ask_about(self.world.dice.pick(list(self.changes.values())))

    def _invent(self) -> None:
        """A change that nobody began, and whose time is over."""
        if self.last is not None and self.last.current is not None:
            self._ask_about(self._made_up(self.last.current.change))

    def _bury(self) -> None:
        """So many of them that who voted against a change forgets what it said, while others wait for its vote."""
        records = [status.record for status in self.statuses.values()]
        if self.last is None or self.last.current is None or not any(record.undecided for record in records):
            return
        for status in self.statuses.values():
            for _ in range(FLOOD if status.record.refusals else 0):
                super()._bring(Ask(status.party, "abort", self._made_up(self.last.current.change)), ())

    def _made_up(self, current: Change) -> Change:
        dice = self.world.dice
        return msgspec.structs.replace(
            current,
            attempt=dice.token(),
            kind="refresh",
            base=current.made,
            old=current.new,
            voters=dice.pick([current.new.holders, tuple(dice.some(current.new.holders))]),
            liars=self.schedule.options.liars,
            expires_ms=max(0, self.world.now - 1),
        )

    def _ask_about(self, change: Change) -> None:
        self.changes[change.digest] = change
        refused = next((each for each in self.schedule.said if change.attempt.encode() in each.payload), None)
        self._to_some(lambda party: Ask(party, self.world.dice.pick(["abort", "unlock"]), change, refused))

    def _forge(self) -> None:
        """A certificate of what there is, and of what its liars would sign; too little of it, or of another change."""
        if not self.changes:
            return
        dice = self.world.dice
        change, other = dice.pick(list(self.changes.values())), dice.pick(list(self.changes.values()))
        about = dice.pick([change, change, other]).attempt.encode()
        votes = [each for each in dict.fromkeys(self.schedule.said) if about in each.payload or dice.chance(20)]
        votes += [self._signed(liar, change) for liar in sorted(self.schedule.faces)]
        picked = tuple(dice.pick([votes, dice.some(votes)]))
        kind = dice.pick([Commit, Abort])
        wanted = Prepared.KIND if kind is Commit else Aborted.KIND
        fitting = tuple({each.signer: each for each in picked if each.kind == wanted}.values())
        certificate = kind(change.encode(), dice.pick([picked, fitting]))
        self._to_some(lambda party: Show(party, certificate))

    def _remind(self) -> None:
        """Of what a node voted itself, on whatever."""
        said = list(dict.fromkeys(self.schedule.said))
        if self.certificates:
            certificate = self.world.dice.pick(list(self.certificates))
            for party in self.world.dice.some(sorted(self.schedule.nodes)):
                super()._bring(Show(party, certificate), [each for each in said if each.signer == party])

    def _send_back(self) -> None:
        """A recovery, of an epoch that is over perhaps, for who has lost nothing."""
        commits = [each for each in self.certificates if isinstance(each, Commit)]
        if commits:
            certificate = self.world.dice.pick(commits)
            self._to_some(lambda party: Recover(party, certificate))

    def _start_again(self) -> None:
        if self.changes:
            change = self.world.dice.pick(list(self.changes.values()))
            for party in self.world.dice.some(change.voters):
                self._tell(party, change)

    def _to_some(self, step: Callable[[str], Step]) -> None:
        for party in self.world.dice.some(sorted(self.schedule.nodes)):
            super()._bring(step(party), ())

    def _signed(self, liar: str, change: Change) -> Signed:
        prepared = next((each for each in self.schedule.said if each.kind == Prepared.KIND), None)
        likeness = prepared.expect(Prepared) if prepared else None
        if likeness is not None and self.world.dice.chance(400):
            vote: Prepared | Aborted | Unlocked = Prepared(
                transcript=likeness.transcript, checks=likeness.checks, share=likeness.share, **change.about
            )
        else:
            vote = self.world.dice.pick([Aborted, Unlocked])(**change.about)
        return sign(vote, liar, self.schedule.signing(liar))
