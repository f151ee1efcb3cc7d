"""`Firm`: a contributor's keys and registration, and the sealing of what it contributes.  No network.

A firm has no node, no certificate and no entry in the manifest: its sponsor vouches for its keys and carries bundles.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from steelyard import records
from steelyard.documents.contribution import (
    MAX_LENGTH,
    Bundle,
    ContributionHeader,
    Layer,
    Measure,
    commitment,
    context,
    seal_digest,
)
from steelyard.documents.contributor import Contributor
from steelyard.documents.signed import Signed, from_wire, read, sign, to_wire
from steelyard.errors import Invalid, NotFound, SteelyardError, Unauthenticated
from steelyard.field import Vector, from_signed, to_bytes, uniform
from steelyard.identity import files, keys
from steelyard.identity.contributors import registered
from steelyard.identity.homes import Home, Layout
from steelyard.identity.membership import Membership
from steelyard.identity.sealing import seal, unseal
from steelyard.identity.sealing_keys import SealingKeys
from steelyard.ids import PartyId, identifier, party_id
from steelyard.randomness import SystemRandomness, token
from steelyard.sharing import shamir
from steelyard.sharing.combination import BEHIND

from .known_keys import known_keys
from .profile import Profile

REGISTRATION: Final = "registration.json"
REGISTERED_DAYS: Final = 365
LIFE_DAYS: Final = 30  # of a contribution
_DAY_MS: Final = 24 * 3600 * 1000
_MAX_FILE: Final = 1 << 16
Values = NDArray[np.int64]


class Firm:
    """One contributor under one manifest."""

    def __init__(
        self,
        name: str,
        home: Home,
        membership: Membership,
        folder: Path | None = None,
        known: SealingKeys | None = None,
    ) -> None:
        """`known` are the nodes' sealing keys, read from the profile's `folder` if they are not given.

        With neither, the manifest's are used.
        """
        self.name: Final = party_id(name)
        self.membership: Final = membership
        self._home = home
        self._folder = folder
        self._known = known

    @classmethod
    def of(
        cls,
        profile: Profile,
        name: str,
        *,
        make: bool = True,
        under: Membership | None = None,
        known: SealingKeys | None = None,
    ) -> Firm:
        """The firm whose keys lie in the profile's `contributors` folder; they are made at the first use.

        `under` and `known` save the check of the profile's manifest and of the nodes' sealing keys where those have
        been made, for thousands of firms say.  Raises NotFound when they are not there and not to be made.
        """
        home = Layout(profile.path).contributor(name)
        if not (home.path / "sealing.key").exists():
            if not make:
                raise NotFound(
                    f"there is no contributor {name} here: `steelyard contributor register {name}` makes one"
                )
            home.create_document_keys()
        if under is not None:
            return cls(name, home, under, profile.path, known)
        held = profile.membership(profile.identity) if profile.identity else Home(profile.path).membership()
        return cls(name, home, held, profile.path)

    @property
    def keys(self) -> SealingKeys:
        """The nodes' newest sealing keys that are known here."""
        if self._known is not None:
            return self._known
        return known_keys(self._folder, self.membership) if self._folder else SealingKeys(self.membership, {})

    @property
    def folder(self) -> Path:
        """Where its keys lie, and what else is its own."""
        return self._home.path

    def draft(self, sponsor: str, days: int = REGISTERED_DAYS) -> Contributor:
        """What the sponsor is to sign."""
        now = _now_ms()
        return Contributor(
            id=self.name,
            consortium=self.membership.consortium,
            sponsor=party_id(sponsor),
            signing=keys.public_hex(self._home.signing_key()),
            sealing=keys.public_hex(self._home.sealing_key()),
            created_ms=now,
            expires_ms=now + days * _DAY_MS,
        )

    def adopt(self, registration: Signed) -> Contributor:
        """Keeps a registration that the sponsor signed; raises Unauthenticated for one of other keys."""
        contributor = registered(registration, self.membership, _now_ms())
        mine = self.draft(contributor.sponsor)
        if (contributor.id, contributor.signing, contributor.sealing) != (mine.id, mine.signing, mine.sealing):
            raise Unauthenticated(f"this registration is of another contributor, or of other keys than {self.name} has")
        files.replace(self._home.path / REGISTRATION, to_wire(registration))
        return contributor

    def unseal(self, ciphertext: bytes, bound: bytes) -> bytes:
        """What was sealed to this firm; raises Malformed."""
        return unseal(self._home.sealing_key(), ciphertext, bound)

    @property
    def registration(self) -> Signed | None:
        """Signed by the sponsor and valid now; None when there is none."""
        try:
            signed = from_wire(files.read(self._home.path / REGISTRATION, _MAX_FILE))
            registered(signed, self.membership, _now_ms())
        except SteelyardError:
            return None
        return signed

    def seal(
        self,
        layers: Mapping[str, Values],
        *,
        dataset: str,
        purpose: str,
        columns: Sequence[Measure] = (),
        rows: int = 0,
        days: int = LIFE_DAYS,
    ) -> Bundle:
        """Deals named layers of integers, in this order, to all nodes; raises Invalid for too many or too large ones.

        Raises NotFound without a registration.
        """
        vector = np.concatenate([from_signed(np.ascontiguousarray(each, dtype=np.int64)) for each in layers.values()])
        return self.seal_shares(
            {name: len(each) for name, each in layers.items()},
            self._dealt(vector),
            dataset=dataset,
            purpose=purpose,
            columns=columns,
            rows=rows,
            expires_ms=_now_ms() + days * _DAY_MS,
        )

    def seal_shares(
        self,
        layers: Mapping[str, int],
        shares: Mapping[PartyId, Vector],
        *,
        dataset: str,
        purpose: str,
        columns: Sequence[Measure] = (),
        rows: int = 0,
        expires_ms: int,
    ) -> Bundle:
        """As `seal`, where the values are shared already: named layers of so many, for each node its share of all."""
        registration = self.registration
        if registration is None:
            raise NotFound(f"{self.name} has no valid registration: see `steelyard contributor register --help`")
        length = sum(layers.values()) + BEHIND
        if length > MAX_LENGTH:
            raise Invalid(f"a contribution holds at most {MAX_LENGTH - BEHIND} values, this one {length}")
        header = ContributionHeader(
            id=token(16).hex(),
            manifest=self.membership.digest,
            contributor=self.name,
            dataset=identifier(dataset, "dataset"),
            purpose=purpose,
            columns=tuple(columns),
            rows=rows,
            layers=tuple(Layer(name, size) for name, size in layers.items()),
            length=length,
            threshold=self.membership.threshold,
            commitments={},
            sealed={},
            keys={},
            created_ms=_now_ms(),
            expires_ms=expires_ms,
        )
        return self._sealed(registration, header, shares)

    def _dealt(self, vector: Vector) -> dict[PartyId, Vector]:
        """For each node its share."""
        points = self.membership.points
        shares = shamir.share(vector, self.membership.threshold, list(points.values()), SystemRandomness())
        return {party: shares.pop(point) for party, point in points.items()}

    def _sealed(self, registration: Signed, header: ContributionHeader, shares: Mapping[PartyId, Vector]) -> Bundle:
        membership, known = self.membership, self.keys
        behind = self._dealt(uniform(SystemRandomness(), BEHIND))
        signing = read(Contributor, registration.payload).signing
        parts: dict[str, bytes] = {}
        commitments: dict[str, str] = {}
        for party in membership.points:
            share = to_bytes(np.concatenate([shares[party], behind[party]]))
            commitments[party] = commitment(header.id, party, share)
            bound = context(header.manifest, header.id, self.name, signing, party)
            parts[party] = seal(known.key(party), share, bound)
        digests = {party: seal_digest(each) for party, each in parts.items()}
        numbers = {party: known.number(party) for party in parts}
        said = msgspec.structs.replace(header, commitments=commitments, sealed=digests, keys=numbers)
        read(ContributionHeader, said.encode())  # a struct built in memory has not met its own bounds yet
        return Bundle(registration, sign(said, self.name, self._home.signing_key()), parts)


def save(bundle: Bundle, path: Path) -> None:
    """A bundle as a file, for the sponsor to hand in; nobody but the nodes can open what is in it."""
    files.replace(path, msgspec.msgpack.encode(bundle))


def load(path: Path) -> Bundle:
    """Raises NotFound, or Invalid for a file that holds no bundle."""
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    try:
        return records.from_msgpack(path.read_bytes(), Bundle)
    except (records.DecodeError, OSError):
        raise Invalid(f"{path} holds no sealed contribution") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
