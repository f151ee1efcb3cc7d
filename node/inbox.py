"""Shares from contributors, who have no node: checked, kept sealed, and opened when a computation takes them.

At rest a share is what the contributor sealed to this node's key; `_kept` and `take` are the seam where the vault goes.
A share that is taken up for good (a stored sharing) must be kept otherwise: the key that opens it is replaced some day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.audit import Audit
from node.policy import PolicyFile
from node.sealing_keys import SealingKeys
from steelyard.documents.contribution import Bundle, ContributionHeader, commitment, context
from steelyard.documents.contributor import Contributor
from steelyard.documents.request import MAX_LIFE_MS
from steelyard.documents.sealing_key import OF_MANIFEST
from steelyard.documents.signed import Signed, read
from steelyard.errors import Conflict, Failed, Malformed, NotFound, Overloaded, PolicyRefused, SteelyardError
from steelyard.field import Vector, from_bytes
from steelyard.functions.answered import PURPOSE as ANSWER
from steelyard.functions.answered import is_answer
from steelyard.functions.intake import Parcel, Wanted, anything, salted
from steelyard.functions.record import PURPOSE as RECORD
from steelyard.functions.record import fits
from steelyard.identity.contributors import Announced, announced, check_sealed
from steelyard.identity.membership import Membership
from steelyard.identity.sealing import unseal
from steelyard.ids import PartyId
from steelyard.rpc import codec
from steelyard.storage.database import Database
from steelyard.storage.parcels import Parcels
from steelyard.v1 import types_pb2

MOST: Final = 100_000  # contributions that a node holds
MOST_BYTES: Final = 16 << 30  # of ciphertext
Outcome = tuple[str, SteelyardError | None]  # a contribution's id, and why it is not taken
Outcomes = list[Outcome]
Files = list[str | None]
Keys = dict[int, X25519PrivateKey]  # out of the vault for one call, by number


class Inbox:
    """Callable from any thread."""

    def __init__(
        self,
        party: PartyId,
        membership: Membership,
        policy: PolicyFile,
        audit: Audit,
        sealing: SealingKeys,
        database: Database,
        folder: Path,
        now_ms: Callable[[], int],
    ) -> None:
        self._party = party
        self._membership = membership
        self._policy = policy
        self._audit = audit
        self._sealing = sealing
        self._database = database
        self._now_ms = now_ms
        files = database.query("SELECT file FROM contribution WHERE file IS NOT NULL")
        self._parcels = Parcels(folder, {name for (name,) in files})

    def deliver(self, bundles: Sequence[Bundle]) -> Outcomes:
        """Takes what stands every check, durably; the rest is refused one by one, with the reason.

        Raises Failed when the disk takes no more, Overloaded when there is no room; nothing of this call is kept then.
        """
        self.purge()
        self._require_room(bundles)
        made: Files = []
        gone: Files = []
        try:
            with self._database.transaction():
                keys: Keys = {}
                outcomes = [self._outcome(bundle, made, gone, keys) for bundle in bundles]
        except BaseException:
            self._parcels.remove(made)
            raise
        self._parcels.remove(gone)
        return outcomes

    def held(self, dataset: str, purpose: str, wanted: Wanted = anything) -> dict[PartyId, Parcel]:
        """See `steelyard.functions.intake.Intake`.  Raises PolicyRefused if the owner's policy cannot be read."""
        found: dict[PartyId, Parcel] = {}
        keys: Keys = {}
        for each in self.list(dataset, purpose):
            if not wanted(each.header):
                continue
            with suppress(Failed, NotFound):
                share = self._share(each, keys)
                contributor = each.contributor
                found[PartyId(contributor.id)] = Parcel(
                    each.header, each.digest, share, contributor.sealing, contributor.sponsor
                )
        return found

    def doubt(self, contribution: str, culprits: Collection[str], suspects: Collection[str]) -> None:
        """It failed its check: the owner reads of it in the audit log, and it goes if its contributor is to blame."""
        row = self._database.one("SELECT contributor, dataset FROM contribution WHERE id = ?", (contribution,))
        if row is None:
            return
        fields: dict[str, object] = {"contribution": contribution, "contributor": row[0], "dataset": row[1]}
        guilty = row[0] in culprits
        fields |= {"culprits": [row[0]] if guilty else [], "suspects": [] if guilty else sorted(suspects)}
        self._audit.record("contribution_doubted", fields, now_ms=self._now_ms())
        if guilty:
            self.drop([contribution])

    def list(self, dataset: str = "", purpose: str = "") -> tuple[Announced, ...]:
        """What may be used now, by contributor: not expired, for this manifest, and the policy lists the sponsor.

        All of it, unless a dataset or a purpose is named.  Raises PolicyRefused if the owner's policy cannot be read.
        """
        policy, now = self._policy.read(), self._now_ms()
        rows = self._database.query(
            "SELECT registration, header FROM contribution WHERE (dataset = ? OR ? = '') AND held = 1"
            " AND expires_ms > ? AND id NOT IN (SELECT contribution FROM final) ORDER BY contributor, dataset",
            (dataset, dataset, now),
        )
        found = [_read(*row) for row in rows]
        return tuple(
            each
            for each in found
            if each.header.manifest == self._membership.digest
            and policy.sponsored(each.contributor.sponsor)
            and purpose in ("", each.header.purpose)
        )

    def take(self, contribution: str) -> Vector:
        """My share, masks included; raises NotFound, Failed when it was damaged on the disk."""
        row = self._database.one(
            "SELECT registration, header FROM contribution WHERE id = ? AND held = 1", (contribution,)
        )
        if row is None:
            raise NotFound(f"this node holds no contribution {contribution[:40]!r}")
        return self._share(_read(*row), {})

    def _share(self, known: Announced, keys: Keys) -> Vector:
        row = self._database.one(
            "SELECT ciphertext, file FROM contribution WHERE id = ? AND held = 1", (known.header.id,)
        )
        if row is None:
            raise NotFound(f"this node holds no contribution {known.header.id!r} any more")
        try:
            return self._opened(known.contributor, known.header, self._parcels.get((row[0], row[1])), keys)
        except Malformed:
            text = f"a share of {known.contributor.id} was damaged on the disk: ask it to contribute again"
            raise Failed(text) from None

    def drop(self, contributions: Collection[str]) -> int:
        """Forgets these shares; only a newer contribution takes the place of one.  How many were here."""
        gone = self._forget("id IN (SELECT value FROM json_each(?))", json.dumps(sorted(contributions)))
        self._sweep()
        return gone

    def use_up(self, dataset: str, run: str) -> None:
        """Answers to a call, which are held under this name, have served `run`: they go, and no more are taken."""
        rows = self._database.query("SELECT id FROM contribution WHERE dataset = ? AND held = 1", (dataset,))
        with self._database.transaction():
            if self._database.execute("INSERT OR IGNORE INTO served VALUES (?, ?)", (dataset, run)):
                said: dict[str, object] = {"computation": run, "dataset": dataset, "contributions": len(rows)}
                self._audit.record("contributions_final", said, now_ms=self._now_ms())
        self.drop([identifier for (identifier,) in rows])

    def used_by(self, dataset: str) -> str:
        """The computation that answers under this name have served; empty for none."""
        row = self._database.one("SELECT run FROM served WHERE dataset = ?", (dataset,))
        return str(row[0]) if row else ""

    def settle(self, run: str, dataset: str, cleared: Mapping[PartyId, str], *, despite: bool) -> None:
        """See `steelyard.functions.intake.Intake`."""
        ids = json.dumps(sorted(cleared.values()))
        with self._database.transaction():
            self._require_unsettled(run, ids)
            corrected = self._corrected(dataset, cleared)
            if corrected and not despite:
                text = f"{len(corrected)} contributions to {dataset} have come since from firms that were cleared"
                raise Conflict(f"{text}: clear the round again, or declare it final despite corrections")
            self._database.execute("INSERT OR IGNORE INTO final SELECT value, ? FROM json_each(?)", (run, ids))
            said: dict[str, object] = {"computation": run, "dataset": dataset, "contributions": len(cleared)}
            self._audit.record("contributions_final", said, now_ms=self._now_ms())
        self.drop([*cleared.values(), *corrected])

    def _require_unsettled(self, run: str, ids: str) -> None:
        row = self._database.one(
            "SELECT run FROM final WHERE contribution IN (SELECT value FROM json_each(?)) AND run != ?", (ids, run)
        )
        if row is not None:
            raise Conflict(f"computation {row[0]} is final already, over some of the same contributions")

    def _corrected(self, dataset: str, cleared: Mapping[PartyId, str]) -> tuple[str, ...]:
        """What waits here of those contributors, and was not cleared."""
        rows = self._database.query(
            "SELECT contributor, id FROM contribution WHERE dataset = ? AND held = 1", (dataset,)
        )
        return tuple(new for contributor, new in rows if cleared.get(contributor, new) != new)

    def rotate(self) -> int:
        """A new sealing key; its number.  Earlier ones stay while something that is sealed to them waits."""
        number = self._sealing.rotate()
        self.purge()
        return number

    def purge(self) -> int:
        """Forgets the shares of contributions that have expired; how many."""
        gone = self._forget("expires_ms <= ?", self._now_ms())
        self._sweep()
        return gone

    def _sweep(self) -> None:
        """Destroys sealing keys that nothing waits for any more."""
        rows = self._database.query("SELECT DISTINCT sealing_key FROM contribution WHERE held = 1")
        self._sealing.sweep([number for (number,) in rows])

    def _outcome(self, bundle: Bundle, made: Files, gone: Files, keys: Keys) -> Outcome:
        try:
            known, ciphertext = self._checked(bundle, keys)
            self._keep(known, bundle, ciphertext, made, gone)
            return known.header.id, None
        except Failed:
            raise
        except SteelyardError as error:
            return _claimed(bundle), error

    def _checked(self, bundle: Bundle, keys: Keys) -> tuple[Announced, bytes]:
        """Origin, policy, integrity, and that the share opens to what the header fixed."""
        known = announced(bundle.registration, bundle.header, self._membership, self._now_ms())
        header = known.header
        if not self._policy.read().sponsored(known.contributor.sponsor):
            raise PolicyRefused(f"the policy does not list the sponsor {known.contributor.sponsor}", party=self._party)
        if header.purpose == RECORD and not fits(header):
            raise Malformed(f"the contribution of {header.contributor} has not the layers of a table's record")
        if header.purpose == ANSWER and not is_answer(header):
            raise Malformed(f"the contribution of {header.contributor} has not the layers of an answer to a call")
        if not salted(header):
            text = "has not as much salt and as many masks as the check takes: its client is of another release"
            raise Malformed(f"the contribution of {header.contributor} {text}")
        if set(bundle.parts) != {self._party}:
            raise Malformed("a contribution was delivered without this node's sealed share, or with another's")
        ciphertext = bundle.parts[self._party]
        check_sealed(header, self._party, ciphertext)
        self._opened(known.contributor, header, ciphertext, keys)
        return known, ciphertext

    def _opened(self, contributor: Contributor, header: ContributionHeader, ciphertext: bytes, keys: Keys) -> Vector:
        bound = context(header.manifest, header.id, contributor.id, contributor.signing, self._party)
        number = header.keys.get(self._party, OF_MANIFEST)
        if number not in keys:
            keys[number] = self._sealing.private(number)
        share = unseal(keys[number], ciphertext, bound)
        if commitment(header.id, self._party, share) != header.commitments[self._party]:
            raise Malformed(f"the share from {contributor.id} is not the one that it committed to")
        return from_bytes(share, header.length)

    def _keep(self, known: Announced, bundle: Bundle, ciphertext: bytes, made: Files, gone: Files) -> None:
        header = known.header
        row = self._database.one(
            "SELECT id, created_ms, header, file FROM contribution WHERE contributor = ? AND dataset = ?",
            (header.contributor, header.dataset),
        )
        if row is not None and (row[0], _signed(row[2]).digest) == (header.id, known.digest):
            return  # delivered again
        if self.used_by(header.dataset):
            raise Conflict("this call has been computed: an answer would not be used; ask for a new call")
        if row is not None and row[1] >= header.created_ms:
            raise Conflict(f"a newer contribution of {header.contributor} to {header.dataset} is here")
        if self._database.one("SELECT 1 FROM contribution WHERE id = ?", (header.id,)) is not None:
            raise Conflict("this contribution id was used for another contribution")
        self._know(known.contributor)
        gone.append(row[3] if row else None)
        self._kept(known, bundle, ciphertext, made)
        said = {"contribution": header.id, "contributor": header.contributor, "dataset": header.dataset}
        self._audit.record("contributed", said | {"sponsor": known.contributor.sponsor}, now_ms=self._now_ms())

    def _kept(self, known: Announced, bundle: Bundle, ciphertext: bytes, made: Files) -> None:
        header = known.header
        self._database.execute(
            "INSERT OR REPLACE INTO contribution VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
            (
                header.contributor,
                header.dataset,
                header.id,
                header.created_ms,
                self._end(known),
                _row(bundle.registration),
                _row(bundle.header),
                len(ciphertext),
                *self._parcels.put(ciphertext, made),
                header.keys.get(self._party, OF_MANIFEST),
            ),
        )

    def _end(self, known: Announced) -> int:
        """When its share goes at the latest, in ms; no call is valid for longer than a request."""
        ends = min(known.header.expires_ms, known.contributor.expires_ms)
        return min(ends, self._now_ms() + MAX_LIFE_MS) if known.header.purpose == ANSWER else ends

    def _know(self, contributor: Contributor) -> None:
        """One sponsor and one key at a time stand behind a name; raises Conflict."""
        row = self._database.one(
            "SELECT sponsor, signing, registered_ms, expires_ms FROM contributor WHERE id = ?", (contributor.id,)
        )
        if row is not None:
            sponsor, signing, registered_ms, expires_ms = row
            if sponsor != contributor.sponsor and expires_ms > self._now_ms():
                raise Conflict(f"another sponsor has a contributor named {contributor.id}: choose another name")
            if sponsor == contributor.sponsor and registered_ms > contributor.created_ms:
                if signing != contributor.signing:
                    raise Conflict(f"{contributor.id} has been registered with a newer key")
                return
        self._database.execute(
            "INSERT INTO contributor VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET sponsor = excluded.sponsor,"
            " signing = excluded.signing, registered_ms = excluded.registered_ms, expires_ms = excluded.expires_ms",
            (
                contributor.id,
                contributor.sponsor,
                contributor.signing,
                contributor.created_ms,
                contributor.expires_ms,
            ),
        )

    def _require_room(self, bundles: Sequence[Bundle]) -> None:
        held = "SELECT count(*), coalesce(sum(size), 0) FROM contribution WHERE held = 1"
        count, stored = self._database.query(held)[0]
        if count + len(bundles) > MOST or stored + sum(each.size for each in bundles) > MOST_BYTES:
            raise Overloaded("this node holds as many contributions as it takes", party=self._party)

    def _forget(self, which: str, value: str | int) -> int:
        with self._database.transaction():
            clause = f"WHERE held = 1 AND {which}"
            files = self._database.query(f"SELECT file FROM contribution {clause}", (value,))
            count = self._database.execute(
                f"UPDATE contribution SET held = 0, size = 0, ciphertext = NULL, file = NULL {clause}", (value,)
            )
        self._parcels.remove(name for (name,) in files)
        return count


def _claimed(bundle: Bundle) -> str:
    """The id in a header that nobody has checked; empty when there is none."""
    try:
        return read(ContributionHeader, bundle.header.payload).id
    except SteelyardError:
        return ""


def _read(registration: bytes, header: bytes) -> Announced:
    """What was checked before it was stored."""
    signed = _signed(header)
    contributor = read(Contributor, _signed(registration).payload)
    return Announced(contributor, read(ContributionHeader, signed.payload), signed.digest)


def _row(signed: Signed) -> bytes:
    return codec.signed_to_proto(signed).SerializeToString()


def _signed(row: bytes) -> Signed:
    return codec.signed_from_proto(types_pb2.SignedDocument.FromString(row))
