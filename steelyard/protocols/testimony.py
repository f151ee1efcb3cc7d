"""Who cheated in a dealing that was given up: everything is opened and recomputed, by everybody, from signed words.

Proven are: a dealer whose keys do not give what its header fixed, or who signed two headers; a receiver whose signed
combinations are not those of its shares, or who signed two notes; who complains without any ground.  When a receiver
says that bytes did not match their dealer's header, it is one of the two.  Silence proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelyard.digest import digest
from steelyard.documents.dealing import CheckNote, KeyOpening, PolynomialHeader
from steelyard.documents.signed import Signed
from steelyard.errors import Cheated, Malformed, SteelyardError
from steelyard.field import Vector, to_bytes, uniform
from steelyard.ids import PartyId
from steelyard.protocols.disputes import Disputes
from steelyard.randomness import Keystream
from steelyard.sharing.polynomials import Code, deal, masked


@dataclass(frozen=True, slots=True)
class Scheme:
    """Who deals which codes, and what for; the same at all parties."""

    context: str  # hex digest
    attempt: str
    dealers: tuple[PartyId, ...]
    codes: tuple[Code, ...]

    def bound(self, hellos: Iterable[bytes]) -> Scheme:
        """To the hellos: whoever was told other ones cannot take part."""
        return replace(self, context=digest("dealing-context", bytes.fromhex(self.context), *hellos).hex())

    def path(self, code: Code) -> str:
        return f"{self.context}/{code.name}"

    def place(self, code: Code, receiver: PartyId) -> str:
        return f"{code.name}/{receiver}"

    def expand(self, code: Code, key: bytes) -> Vector:
        return uniform(Keystream(key), code.size)

    def places(self, dealer: PartyId) -> set[str]:
        """What the header of a dealer commits to."""
        secrets = {code.secret for code in self.codes if code.secret}
        return secrets | {self.place(code, party) for code in self.codes for party in code.points if party != dealer}

    def header(self, signed: Signed, dealer: PartyId) -> PolynomialHeader:
        """Read and held against what it must be about; raises Malformed."""
        header = signed.expect(PolynomialHeader)
        about = (header.dealer, header.attempt, header.context, set(header.commitments))
        if about != (dealer, self.attempt, self.context, self.places(dealer)):
            raise Malformed(f"{dealer} signed a header for another dealing", culprits=(dealer,))
        return header

    def is_complete(self, note: CheckNote, party: PartyId) -> bool:
        """Whether it is what an honest receiver signs: of this dealing, of every dealer, of every share it was dealt.

        Who complains does so of other dealers, and has the headers of all it does not complain of.
        """
        if (note.party, note.attempt, note.context) != (party, self.attempt, self.context):
            return False
        dealers, headers, accused = set(self.dealers), set(note.headers), set(note.complaints)
        if not (headers <= dealers <= headers | accused and accused <= dealers - {party}):
            return False
        expected = {f"{code.name}/{dealer}" for code in self.codes if party in code.points for dealer in self.dealers}
        return bool(accused) or set(note.combinations) == expected


class Testimony(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed words that one party holds; nothing in it has been checked yet."""

    opening: Signed | None
    headers: tuple[Signed, ...]
    notes: tuple[Signed, ...]


def commitment(dealer: PartyId, place: str, content: bytes | memoryview) -> str:
    return digest("commitment", dealer.encode(), place.encode(), content).hex()


def judge(
    participants: tuple[PartyId, ...],
    keys: Mapping[str, Ed25519PublicKey],
    liars: int,
    scheme: Scheme,
    told: Mapping[PartyId, Testimony],
    complaining: Mapping[PartyId, Testimony],
) -> Cheated:
    """`told`: after the attempt was given up; `complaining`: with the verdict that something is wrong."""
    return _Court(participants, keys, liars, scheme, told, complaining).sentence()


class _Court:
    def __init__(
        self,
        participants: tuple[PartyId, ...],
        keys: Mapping[str, Ed25519PublicKey],
        liars: int,
        scheme: Scheme,
        told: Mapping[PartyId, Testimony],
        complaining: Mapping[PartyId, Testimony],
    ) -> None:
        self._participants = participants
        self._keys = keys
        self._scheme = scheme
        self._told = told
        self._complaining = complaining
        self._disputes = Disputes(liars)
        every = [*told.values(), *complaining.values()]
        many = len(participants)  # words that anybody has of each kind: more are not read
        self._headers = self._valid(PolynomialHeader, (each for one in every for each in one.headers[:many]))
        self._notes = self._valid(CheckNote, (each for one in every for each in one.notes[:many]))
        openings = (one.opening for one in told.values() if one.opening is not None)
        self._openings = self._valid(KeyOpening, openings)
        self._keys_of: dict[PartyId, Mapping[str, bytes]] = {}  # of dealers who are found to have dealt as they signed

    def sentence(self) -> Cheated:
        self._two_faced(self._headers)
        self._two_faced(self._notes)
        for dealer in self._scheme.dealers:
            self._try_dealer(dealer)
        for party, notes in self._notes.items():
            for signed in notes.values():
                self._try_note(party, signed.expect(CheckNote))
        if not self._disputes and not self._silent():
            for party in self._complaining:  # all is as it should be, and it said otherwise
                self._disputes.prove(party)
        return self._disputes.error("a dealing was spoilt, and given up", self._silent() or self._participants)

    def _valid(
        self, document: type[PolynomialHeader | CheckNote | KeyOpening], signed: Iterable[Signed]
    ) -> dict[PartyId, dict[bytes, Signed]]:
        """By signer, those that were signed for this dealing."""
        found: dict[PartyId, dict[bytes, Signed]] = {}
        for each in signed:
            try:
                read = each.open(document, self._keys)
            except SteelyardError:
                continue
            who = read.party if isinstance(read, CheckNote) else read.dealer
            if (who, read.attempt, read.context) == (each.signer, self._scheme.attempt, self._scheme.context):
                found.setdefault(PartyId(each.signer), {})[each.digest] = each
        return found

    def _two_faced(self, words: Mapping[PartyId, Mapping[bytes, Signed]]) -> None:
        for party, said in words.items():
            if len(said) > 1:
                self._disputes.prove(party)

    def _silent(self) -> list[PartyId]:
        """Who says nothing, perhaps because it could not."""
        dealers = [dealer for dealer in self._scheme.dealers if dealer not in self._openings]
        return sorted({*dealers, *(party for party in self._participants if party not in self._told)})

    def _try_dealer(self, dealer: PartyId) -> None:
        for header in self._headers.get(dealer, {}).values():
            for opening in self._openings.get(dealer, {}).values():
                given = {place: bytes.fromhex(key) for place, key in opening.expect(KeyOpening).keys.items()}
                if self._is_kept(dealer, header.expect(PolynomialHeader), given):
                    self._keys_of[dealer] = given
                else:
                    self._disputes.prove(dealer)

    def _is_kept(self, dealer: PartyId, header: PolynomialHeader, given: Mapping[str, bytes]) -> bool:
        """Whether the keys give exactly what the header fixed."""
        if set(header.commitments) != self._scheme.places(dealer) or set(given) != set(self._keyed(dealer)):
            return False
        fixed = {place: commitment(dealer, place, key) for place, key in given.items()}
        for code in self._scheme.codes:
            for party, share in self._explicit(code, dealer, given).items():
                if party != dealer:
                    place = self._scheme.place(code, party)
                    fixed[place] = commitment(dealer, place, to_bytes(share))
        return fixed == header.commitments

    def _keyed(self, dealer: PartyId) -> Iterator[str]:
        for code in self._scheme.codes:
            if code.secret:
                yield code.secret
            yield from (self._scheme.place(code, party) for party in code.seeded(dealer))

    def _explicit(self, code: Code, dealer: PartyId, given: Mapping[str, bytes]) -> dict[PartyId, Vector]:
        keys = {party: given[self._scheme.place(code, party)] for party in code.seeded(dealer)}
        return deal(code, dealer, keys, given.get(code.secret, b""))

    def _try_note(self, party: PartyId, note: CheckNote) -> None:
        for dealer in note.complaints:
            if dealer in self._scheme.dealers and dealer != party:
                self._disputes.add(PartyId(dealer), party)
        if not self._scheme.is_complete(note, party):
            self._disputes.prove(party)
            return
        headers = {PartyId(dealer): bytes.fromhex(said) for dealer, said in note.headers.items()}
        for dealer, said in headers.items():
            if said not in self._headers.get(dealer, {}) and party in self._told:
                self._disputes.prove(party)  # it cannot show the header that it claims to have seen
        if set(headers) == set(self._scheme.dealers) and not note.complaints:
            self._try_combinations(party, note, headers)

    def _try_combinations(self, party: PartyId, note: CheckNote, headers: Mapping[PartyId, bytes]) -> None:
        context = bytes.fromhex(self._scheme.context)
        transcript = digest("dealt", context, *(headers[dealer] for dealer in self._scheme.dealers))
        challenge = digest("challenge", transcript)
        for code in self._scheme.codes:
            for dealer, given in self._keys_of.items():
                if (
                    party in code.points
                    and note.combinations[self._scheme.place(code, dealer)]
                    != to_bytes(masked(code, challenge, self._share(code, dealer, party, given))).hex()
                ):
                    self._disputes.prove(party)

    def _share(self, code: Code, dealer: PartyId, party: PartyId, given: Mapping[str, bytes]) -> Vector:
        """What this receiver must hold."""
        if party in code.seeded(dealer):
            return self._scheme.expand(code, given[self._scheme.place(code, party)])
        return self._explicit(code, dealer, given)[party]
