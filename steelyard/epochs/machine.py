"""`Machine`: what one node does about changes of its stored sharings; every rule that keeps a value is in here.

* An attempt is used once; while one is undecided no other is begun, and the shares before and after it both stay.
* Prepared is signed only over a share that is durable, and never beside Aborted.
* The new share counts, and the old one goes, with the Commit on disk; the new one goes with the Abort on disk.
* After the deadline, or once a voter has voted against it, a node may unlock: it then keeps its old share whatever
  comes, so an Abort always leaves k honest holders of the base, and wins over a Commit.
* Who sees that others have gone on is stale, and so is who sees a vote of its own that it has forgotten.

Every call is one transaction of the store; called again, after a crash or by a relay, it does the same or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelyard.documents.signed import Document, Signed, sign
from steelyard.epochs.certificate import KINDS, Abort, Commit, Keys, Vote, refusal
from steelyard.epochs.change import LIFE_MS, Change, Slot
from steelyard.epochs.crash_points import Hook, pass_by
from steelyard.epochs.record import Generation, Record, Undecided
from steelyard.epochs.store import Store
from steelyard.epochs.votes import Aborted, Prepared, Recovered, Unlocked
from steelyard.errors import Conflict, Invalid


class Machine:
    """`manifest`: points by party; `keys`: everybody's signing keys."""

    def __init__(
        self,
        me: str,
        signing: Ed25519PrivateKey,
        keys: Keys,
        manifest: Mapping[str, int],
        store: Store,
        crash_point: Hook = pass_by,
    ) -> None:
        self._me = me
        self._signing = signing
        self._keys = keys
        self._manifest = manifest
        self._store = store
        self._crash_point = crash_point

    # ---- an attempt, step by step -----------------------------------------------------------------------------------

    def start(self, change: Change, now_ms: int) -> None:
        """Before the first message of an attempt leaves.  Raises Conflict or Invalid; then nothing has changed."""
        record = self.record(change.sharing)
        change.check(self._manifest)
        self._check_start(record, change, now_ms)
        self._save(msgspec.structs.replace(record, undecided=Undecided(change)), "start", change.attempt)

    def prepare(self, change: Change, transcript: str, checks: str, share: str) -> Signed:
        """My vote, durable before it is returned.  `share`: digest of the new share that is in its slot, or empty."""
        record, undecided = self._of(change)
        self._check_staged(change, share)
        vote = Prepared(transcript=transcript, checks=checks, share=share, **change.about)
        if undecided.prepared is not None:
            return self._again(undecided.prepared, vote)
        signed = self._sign(vote)
        self._save(_undecided(record, msgspec.structs.replace(undecided, prepared=signed)), "prepare")
        return signed

    def abort(self, change: Change) -> Signed:
        """My vote that this will not be, durable before it is returned; Conflict when I prepared it, or it is over."""
        record = self.record(change.sharing)
        if (before := record.refusal(change)) is not None:
            return before
        if self._store.used(change.digest):
            return self._refuse_again(record, change)
        mine = record.undecided is not None and record.undecided.change == change
        self._check_abort(record, change, mine=mine)
        signed = self._sign(Aborted(**change.about))
        record = record.refusing(signed)
        if mine:
            record = self._step_back(msgspec.structs.replace(record, undecided=None))
        self._save(record, "abort", change.attempt, change.digest)
        self._settle(record)
        return signed

    def unlock(self, change: Change, now_ms: int, refused: Signed | None = None) -> Signed:
        """My Unlocked if I prepared, or cannot tell whether I did; or else my Aborted.

        After the deadline, or with a voter's vote against the change: waiting for its votes is vain then.
        """
        record = self.record(change.sharing)
        undecided = record.undecided
        forgotten = undecided is None and self._may_have_forgotten(record, change)
        if not forgotten and (undecided is None or undecided.change != change or undecided.open):
            return self.abort(change)
        before = undecided.unlocked if undecided else record.refusal(change)
        if before is not None:
            return before
        hopeless = refused is not None and refusal(change, [refused], self._keys) is not None
        if now_ms <= change.expires_ms and not hopeless:
            raise Conflict("this change may still be decided by its votes", party=self._me)
        signed = self._sign(Unlocked(**change.about))
        if undecided is None:  # it may be made up: it holds nothing up, but what it promises is kept
            record = msgspec.structs.replace(record.refusing(signed), promised=True)
        else:
            record = _undecided(record, msgspec.structs.replace(undecided, unlocked=signed))
        self._save(record, "unlock", change.attempt)
        return signed

    # ---- what others show me ----------------------------------------------------------------------------------------

    def commit(self, certificate: Commit) -> None:
        """Takes a Commit from anybody: goes on with the group, or learns that it went on without me."""
        change = certificate.verify(self._keys, self._manifest)
        record = self.record(change.sharing)
        if record.active is not None and record.base == change.made:
            return
        if self._is_ready(record, change, certificate):
            self._advance(record, change, certificate)
        elif not self._is_behind(record, change, certificate):
            return
        elif self._me in change.new.points:
            self._fall_behind(record, certificate)
        else:  # nobody will ever recover this share, and those who voted keep what an Abort would go back to
            self._advance(record, change, certificate)

    def abandon(self, certificate: Abort) -> None:
        """Takes an Abort from anybody; it wins over a Commit of the same change, whichever came first."""
        change = certificate.verify(self._keys, self._manifest)
        record = self.record(change.sharing)
        mine = record.undecided is not None and record.undecided.change == change
        current = record.active is not None and record.active.commit.change == change
        known = record.gave_up(change) or (current and change.old is None)
        if known or not (mine or current or self._is_sibling(record, change, certificate)):
            return
        record = msgspec.structs.replace(record, abandoned=(*record.abandoned, certificate))
        if mine:
            record = msgspec.structs.replace(record, undecided=None)
        self._save(self._step_back(record), "abandon", change.attempt)
        self._settle(record)

    def notice(self, votes: Iterable[Signed]) -> None:
        """Votes that others show me.  One of mine that I do not know of means that my disk went back in time.

        From then on I know of it: who recovered would be stale again, and for ever, by what it voted before.
        """
        for signed in votes:
            kind = KINDS.get(signed.kind)
            if signed.signer != self._me or kind is None:
                continue
            vote = signed.open(kind, self._keys)
            record = self.record(vote.sharing)
            if not self._store.used(vote.attempt) and record.standing != "empty":
                self._save(msgspec.structs.replace(record, standing="stale"), "stale", vote.attempt)

    def expect(self, certificate: Commit) -> None:
        """Before my share of the epoch that `certificate` made is rebuilt: its slot is kept free from now on."""
        change = certificate.verify(self._keys, self._manifest)
        record = self.record(change.sharing)
        self._check_way(record, certificate)
        if self._is_whole(record, change):
            return
        if record.ahead != certificate or record.standing != "stale":
            self._save(msgspec.structs.replace(record, standing="stale", ahead=certificate), "stale")

    def recover(self, certificate: Commit, share: str) -> Signed:
        """After my share of the epoch that `certificate` made was rebuilt and put into its slot."""
        change = certificate.verify(self._keys, self._manifest)
        record = self.record(change.sharing)
        self._check_way(record, certificate)
        self._check_rebuilt(change, certificate, share)
        done = self._sign(Recovered(sharing=change.sharing, base=change.made, share=share))
        if self._is_whole(record, change):
            return done
        self._crash_point("recover.durable")
        again = record.active is not None and record.base == change.made
        record = msgspec.structs.replace(
            record,
            standing="active",
            active=Generation(change.made, change.new, certificate),
            kept=record.kept if again else self._promised(record),
            undecided=record.undecided if again else None,
            promised=again and record.promised,
            refusals=record.refusals if again else (),
            abandoned=record.abandoned if again else record.siblings(change),
            ahead=None,
            recovered=True,
        )
        self._save(record, "recover", change.attempt)
        self._settle(record)
        return done

    def sweep(self, sharing: str) -> None:
        """At every start: erases what a crash left behind, gives up what was begun and not prepared."""
        record = self._store.load(sharing)
        if record is None:
            return
        undecided = record.undecided
        if undecided is not None and undecided.open:
            self.abort(undecided.change)
        else:
            self._settle(record)

    def record(self, sharing: str) -> Record:
        """As it is on the disk; a new one when nothing is known of this sharing."""
        return self._store.load(sharing) or Record(sharing)

    def _check_start(self, record: Record, change: Change, now_ms: int) -> None:
        if self._me not in change.voters:
            raise Invalid("this node is not among the voters")
        if now_ms > change.expires_ms:
            raise Conflict("this change has expired", party=self._me)
        if change.old is not None and change.expires_ms > now_ms + 2 * LIFE_MS:
            raise Invalid("this change could keep a sharing waiting for too long: compare the nodes' clocks")
        if self._store.used(change.attempt):
            raise Conflict("an attempt is used once", party=self._me)
        self._check_unlocked(record)
        if change.old is None or self._me in change.old.points:
            self._check_base(record, change)
        elif record.standing == "active":
            raise Conflict("who holds a share already is not new to the committee", party=self._me)

    def _check_unlocked(self, record: Record) -> None:
        if record.undecided is not None:
            told = "another change of this sharing is not decided yet: start the nodes that are down"
            raise Conflict(f"{told}, or wait a quarter of an hour", party=self._me)

    def _check_base(self, record: Record, change: Change) -> None:
        if change.old is None:
            if record.active is not None:
                raise Conflict("this sharing exists", party=self._me)
            return
        if record.standing != "active" or record.active is None:
            raise Conflict("this node holds no share that is up to date; recover it first", party=self._me)
        generation = record.active
        if (generation.base, generation.committee) != (change.base, change.old):
            raise Conflict("this change is of another epoch than this node's", party=self._me)
        if generation.commit.change.description != change.description:
            raise Conflict("a change does not change what is shared", party=self._me)
        if record.reverted or not self._has_base(change):
            raise Conflict("this node's share is not one to build on; recover it first", party=self._me)

    def _check_staged(self, change: Change, share: str) -> None:
        """Vote only for what survives a crash."""
        if bool(share) != (self._me in change.new.points):
            raise Invalid("a share goes to the new holders, and to nobody else")
        if share and self._store.digest(change.slot) != share:
            raise Conflict("the new share is not on the disk", party=self._me)

    def _check_abort(self, record: Record, change: Change, *, mine: bool) -> None:
        """Never beside Prepared; nor where I may have forgotten that I prepared."""
        undecided = record.undecided
        if mine:
            if undecided is not None and not undecided.open:
                raise Conflict("this node has prepared this change", party=self._me)
            return
        change.check(self._manifest)
        if self._me not in change.voters or self._store.used(change.attempt):
            raise Conflict("this change is decided here, or not this node's to decide", party=self._me)
        if record.standing != "active" or not self._may_leave(record, change) or record.recovered:
            raise Conflict("this node cannot tell whether it has voted on this change", party=self._me)

    def _is_ready(self, record: Record, change: Change, certificate: Commit) -> bool:
        """I voted for exactly this, and nobody gave it up: my new share is on my disk."""
        undecided = record.undecided
        if undecided is None or undecided.change != change or undecided.prepared is None:
            return False
        return undecided.prepared.payload in {each.payload for each in certificate.votes if each.signer == self._me}

    def _is_behind(self, record: Record, change: Change, certificate: Commit) -> bool:
        """Others have gone on without me: from my epoch, or further, and an honest holder I know is with them."""
        if record.active is None or self._me not in {*change.new.points, *record.active.committee.points}:
            return False
        if record.gave_up(change) or not record.believes(certificate):
            return False
        if change.base == record.base and change.old != record.active.committee:
            return False
        return change.made.epoch > record.base.epoch or (change.made.epoch == record.base.epoch and record.reverted)

    def _is_sibling(self, record: Record, change: Change, certificate: Abort) -> bool:
        """Another attempt to leave what I hold, which k holders that I know gave up."""
        return self._may_leave(record, change) and record.believes(certificate)

    def _check_way(self, record: Record, certificate: Commit) -> None:
        """Forward only, unless what I have was given up; and only where an honest holder that I know went."""
        change = certificate.change
        if self._me not in change.new.points:
            raise Invalid("this node is not to hold a share of this epoch")
        if record.active is None or change == record.active.commit.change:
            return
        if change.made.epoch <= record.base.epoch and not record.reverted:
            raise Conflict("a recovery does not go back to an earlier epoch", party=self._me)
        if not record.believes(certificate):
            told = "too few of the holders that this node knows voted for this epoch"
            raise Conflict(f"{told}: forget the sharing at this node, then recover it", party=self._me)

    def _is_whole(self, record: Record, change: Change) -> bool:
        """Nothing is lost."""
        there = record.standing == "active" and record.base == change.made
        return there and bool(self._store.digest(change.slot))

    def _check_rebuilt(self, change: Change, certificate: Commit, share: str) -> None:
        if not share or self._store.digest(change.slot) != share:
            raise Conflict("the recovered share is not on the disk", party=self._me)
        if certificate.digests.get(self._me, share) != share:
            raise Conflict("this is not the share that this node had", party=self._me)

    def _promised(self, record: Record) -> Generation | None:
        """What I keep because I unlocked."""
        unlocked = record.undecided is not None and record.undecided.unlocked is not None
        return record.active if unlocked or record.promised else None

    def _may_have_forgotten(self, record: Record, change: Change) -> bool:
        """I hold this base by recovery: before that I may have prepared.  So I cannot refuse, but keep the base."""
        change.check(self._manifest)
        mine = record.standing == "active" and self._may_leave(record, change) and self._me in change.keepers
        return mine and record.recovered and not record.gave_up(change)

    def _may_leave(self, record: Record, change: Change) -> bool:
        """It would leave the epoch that I hold, if anybody began it."""
        if record.active is None:
            return False
        there = (record.base, record.active.committee) == (change.base, change.old)
        return there and record.active.commit.change.description == change.description

    def _advance(self, record: Record, change: Change, certificate: Commit) -> None:
        staying = self._me in change.new.points
        record = msgspec.structs.replace(
            record,
            standing="active" if staying else "empty",
            active=Generation(change.made, change.new, certificate),
            kept=self._promised(record),
            undecided=None,
            promised=False,
            refusals=(),
            abandoned=record.siblings(change),
            ahead=None,
            recovered=False,
        )
        self._save(record, "commit")
        self._settle(record)

    def _fall_behind(self, record: Record, certificate: Commit) -> None:
        known = record.ahead.change.made.epoch if record.ahead else -1
        if record.standing == "stale" and known >= certificate.change.made.epoch:
            return
        self._save(msgspec.structs.replace(record, standing="stale", ahead=certificate), "stale")

    def _step_back(self, record: Record) -> Record:
        """If what I committed was given up by others and I am not under way from it, back to what they kept."""
        if record.undecided is not None or record.active is None or not record.reverted:
            return record
        change = record.active.commit.change
        if change.old is None:  # nothing was there before: whoever has the new sharing keeps it
            return record
        if record.kept is not None and record.kept.base == change.base:
            return msgspec.structs.replace(
                record, standing="active", active=record.kept, kept=None, promised=False, refusals=()
            )
        return msgspec.structs.replace(record, standing="stale" if self._me in change.old.points else "empty")

    def _settle(self, record: Record) -> None:
        """Erases every share of this sharing that the record no longer names, and nothing else."""
        for slot in sorted(self._store.held(record.sharing)):
            if slot not in self.record(record.sharing).slots:
                self._crash_point("erase.before")
                self._store.erase(slot)
                self._crash_point("erase.done")

    def _of(self, change: Change) -> tuple[Record, Undecided]:
        record = self.record(change.sharing)
        if record.undecided is None or record.undecided.change != change:
            raise Conflict("this change was not begun here, or is over", party=self._me)
        return record, record.undecided

    def _has_base(self, change: Change) -> bool:
        return bool(self._store.digest(Slot(change.sharing, change.base.epoch, change.base.attempt)))

    def _again(self, before: Signed, vote: Vote) -> Signed:
        if before.payload != vote.encode():
            raise Conflict("this node has prepared this change with other checks", party=self._me)
        return before

    def _refuse_again(self, record: Record, change: Change) -> Signed:
        """The same vote, which is no longer among the last: others may wait for it."""
        signed = self._sign(Aborted(**change.about))
        self._save(record.refusing(signed), "abort")
        return signed

    def _save(self, record: Record, step: str, *claims: str) -> None:
        self._crash_point(f"{step}.before")
        self._store.save(record, *claims)
        self._crash_point(f"{step}.saved")

    def _sign(self, document: Document) -> Signed:
        return sign(document, self._me, self._signing)


def _undecided(record: Record, undecided: Undecided) -> Record:
    return msgspec.structs.replace(record, undecided=undecided)
