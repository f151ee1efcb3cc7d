"""`Rounds`: set-off rounds as a profile sees them: their terms, what its firms have said, and what they are told.

D/rounds/<round>.json holds the terms; D/contributors/<firm>/rounds what a firm has said, for its notice and so that it
enters no invoice twice (clients.sdk.entries), under terms that D/rounds/<tag>.terms holds once for all firms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import msgspec

from steelyard import records
from steelyard.documents.contribution import Bundle, ContributionHeader, Measure
from steelyard.documents.signed import read as read_document
from steelyard.errors import Cheated, Conflict, Invalid, NotFound
from steelyard.functions.finality import result_hash
from steelyard.functions.notices import ABOUT, Part, Told, contribution_of, parts_of, put_together
from steelyard.functions.set_off import AMOUNT, PURPOSE
from steelyard.identity import files
from steelyard.identity.homes import Home, Layout
from steelyard.identity.membership import Membership
from steelyard.ids import computation_id
from steelyard.setoff.notice import Notice
from steelyard.setoff.settlement import settle
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import Terms, member

from .client import Client
from .delivery import SIDE_BY_SIDE, OnFirm, deliver
from .entries import Entries, Invoice, Said
from .firm import LIFE_DAYS, Firm
from .profile import Profile
from .results import Result

FOLDER: Final = "rounds"
_MAX_FILE: Final = 1 << 26


class Rounds:
    """No network but through the client."""

    def __init__(self, profile: Profile) -> None:
        self._profile: Final = profile

    def open(self, terms: Terms) -> Path:
        """Keeps the terms of a round, to be given to its firms.  Raises Invalid, Conflict for a name that was used."""
        terms.check()
        folder = files.private_directory(self._profile.path / FOLDER)
        path = folder / f"{terms.round}.json"
        if path.exists():
            raise Conflict(f"a round {terms.round} has been opened here before: choose another name")
        files.write_new(path, msgspec.json.encode(terms), files.PUBLIC)
        return path

    def terms(self, name: str = "") -> Terms:
        """Those of a round, or of the newest.  Raises NotFound."""
        found = sorted((self._profile.path / FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        known = [path for path in found if name in ("", path.stem)]
        if not known:
            raise NotFound("there is no such round here: `steelyard setoff open` opens one")
        return read_terms(known[-1])

    def still_open(self, statement: Statement) -> Statement:
        """With what remains of the firm's invoices after the rounds that are final, by the notices opened here."""
        return self._entries(statement.firm).open(statement)

    def seal(
        self, statement: Statement, firm: Firm, days: int = LIFE_DAYS, *, again: bool = False, played: bool = False
    ) -> Bundle:
        """What a firm says, sealed for the nodes; the firm keeps its statement, which its notice is made from.

        Raises Conflict for an invoice of which less remains open, or that is in another round, unless `again`.  Who
        plays all firms, and not only this one, may do so in several rounds, of which one will stand.
        """
        terms, entries = statement.terms, self._entries(statement.firm)
        with entries.locked():
            entries.check(statement, again=again or played)
            measure = Measure(AMOUNT, terms.decimals, 0)
            bundle = firm.seal(statement.layers(), dataset=terms.round, purpose=PURPOSE, columns=(measure,), days=days)
            self._agree(terms)
            header = read_document(ContributionHeader, bundle.header.payload)
            entries.add(header.id, _said(statement, header.created_ms, played=played))
        return bundle

    def _agree(self, terms: Terms) -> None:
        if not self._agreed(terms.tag).exists():
            files.private_directory(self._profile.path / FOLDER)
            files.replace(self._agreed(terms.tag), msgspec.json.encode(terms))

    def statement(self, firm: str, told: Told) -> Statement:
        """What a firm whose keys lie here has said in the contribution that its notice is about.  Raises NotFound."""
        try:
            said = self._entries(firm).said(contribution_of(told.values))
        except NotFound:
            text = (
                f"what {firm[:60]} said to the round {told.round} was said from another profile: open the notice there"
            )
            raise NotFound(text) from None
        return Statement(read_terms(self._agreed(said.terms)), said.firm, said.obligations, said.offers)

    def notice(self, firm: str, parts: Mapping[str, Part], run: str = "") -> Notice:
        """A firm's notice, opened with its key and checked; what it clears is remembered for the firm's next round.

        Raises Cheated where it does not add up.
        """
        told = self.told(firm, parts, run)
        if told.tells != "lines":
            raise Invalid("this was a dry run: `steelyard setoff preview` says what a firm would save")
        found = settle(self.statement(firm, told), told.values[ABOUT:], told.round)
        found.check()
        cleared = {line.obligation.id: line.cleared for line in found.lines}
        entries = self._entries(firm)
        with entries.locked():
            entries.settle(contribution_of(told.values), told.computation, cleared)
        final = self._is_final(told.computation)
        return replace(found, run=told.computation, nodes=told.nodes, verified=told.verified, final=final)

    def excess(self, firm: str) -> dict[Invoice, int]:
        """By invoice, how much too much final rounds have cleared of it: it was in several all the same."""
        return self._entries(firm).excess()

    def remember_final(self, run: str, result: Result | None = None) -> None:
        """A notice of this run stands from now on, as far as this profile knows.

        By the nodes' word, which is the result of declaring it final, or by the requester's.
        """
        said = {"computation": result.computation, **result.value} if result else {"run": run, "final": True}
        files.private_directory(self._profile.path / FOLDER)
        files.replace(self._final(run), msgspec.json.encode(said))

    def note_cleared(self, run: str, parts: Mapping[str, Mapping[str, Part]]) -> None:
        """Opens the notices of all firms that are here, so that each knows what remains of its invoices.

        Raises Cheated, Invalid for one that does not open, when all have been tried.
        """

        def opened(firm: str) -> None:
            try:
                self.notice(firm, parts[firm], run)
            except NotFound:
                return  # what it said, or its key, is not here: it opens its notice elsewhere

        _ = self._membership  # read once, before the threads
        here = [firm for firm in parts if self._folder(firm).exists()]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(opened, here))

    def _entries(self, firm: str) -> Entries:
        return Entries(self._folder(firm), self._is_final, self._terms_of)

    def _terms_of(self, tag: str) -> Terms:
        try:
            return read_terms(self._agreed(tag))
        except NotFound:
            text = f"{self._agreed(tag)} is missing, the terms of what this firm has said to a round"
            raise Invalid(f"{text}: put it back from a backup") from None

    def _folder(self, firm: str) -> Path:
        return Layout(self._profile.path).contributor(member(firm)).path / FOLDER

    @cached_property
    def _membership(self) -> Membership:
        profile = self._profile
        return profile.membership(profile.identity) if profile.identity else Home(profile.path).membership()

    def _is_final(self, run: str) -> bool:
        return self._final(run).exists()

    def _agreed(self, tag: str) -> Path:
        return self._profile.path / FOLDER / f"{tag}.terms"

    def _final(self, run: str) -> Path:
        return self._profile.path / FOLDER / f"{computation_id(run)}.final"

    def told(self, firm: str, parts: Mapping[str, Part], run: str = "") -> Told:
        """What nodes have told a firm, in this run if one is named.  Raises Cheated."""
        opened, membership = Firm.of(self._profile, member(firm), make=False, under=self._membership), self._membership
        by_node = {node: parts[node] for node in membership.parties if node in parts}
        told = put_together(
            opened.name, by_node, membership.signing_keys, membership.points, membership.threshold, opened.unseal
        )
        if run and told.computation != computation_id(run):
            raise Cheated("the notice is of another run of a round", suspects=told.nodes)
        return told


def play(client: Client, statements: Sequence[Statement], on_firm: OnFirm, timeout: float) -> dict[str, int]:
    """All firms whose keys lie in this profile say what they owe and are owed; returns when all nodes have it.

    But what a round that is final has cleared: of invoices for which there is such, what remains, by id.
    """
    rounds, left = Rounds(client.desk.profile), dict[str, int]()

    def sealed(statement: Statement) -> Bundle:
        still = rounds.still_open(statement)
        left.update(remaining(statement, still))
        return rounds.seal(still, client.firm(member(statement.firm)), played=True)

    deliver(client, [partial(sealed, each) for each in statements], on_firm, timeout)
    return left


def remaining(stated: Statement, still: Statement) -> dict[str, int]:
    """Of invoices that are entered with less than is stated, or not at all: how much, in minor units."""
    entered = {each.id: each.amount for each in still.obligations}
    return {each.id: entered.get(each.id, 0) for each in stated.obligations if entered.get(each.id, 0) < each.amount}


def _said(statement: Statement, made_ms: int, *, played: bool) -> Said:
    terms = statement.terms
    return Said(
        firm=statement.firm,
        terms=terms.tag,
        obligations=statement.obligations,
        offers=statement.offers,
        round=terms.round,
        made_ms=made_ms,
        played=played,
        entered=tuple(each.id for each in statement.book.obligations),
        decimals=terms.decimals,
        currency=terms.currency,
    )


def say(client: Client, statement: Statement, timeout: float, *, again: bool = False) -> None:
    """One firm says what it owes and is owed; `again` as in `Rounds.seal`."""
    rounds, firm = Rounds(client.desk.profile), client.firm(member(statement.firm))
    deliver(client, [lambda: rounds.seal(statement, firm, again=again)], lambda at, of: None, timeout)


def declare_final(client: Client, result: Result, *, despite: bool = False) -> Result:
    """The requester's word, under its signature, that this result of a round stands: nodes forget what it cleared.

    Raises Invalid for a dry run; Conflict where firms that were cleared have contributed anew since, unless `despite`
    that, and where another result over the same contributions is final.
    """
    if result.function != "set_off" or result.value["dry_run"]:
        raise Invalid(f"{result.computation} has cleared no round: there is nothing to declare final")
    options = {"run": result.computation, "result": result_hash(result.value), "despite": despite}
    return client.ask("finality", result.dataset, AMOUNT, options=options)


def parts_of_run(result: Result) -> dict[str, dict[str, Part]]:
    """By firm and node; raises Invalid for a result of something else."""
    if result.function != "set_off":
        raise Invalid(f"{result.computation} is no set-off round")
    return {
        firm: {str(node): part for node, part in parts.items()} for firm, parts in parts_of(result.attachments).items()
    }


def save_parts(parts: Mapping[str, Part], path: Path) -> None:
    """A sealed notice as a file for a firm elsewhere; nobody but the firm opens it."""
    files.replace(path, msgspec.msgpack.encode(parts))


def load_parts(path: Path) -> dict[str, Part]:
    """Raises NotFound, Invalid."""
    try:
        return records.from_msgpack(files.read(path, _MAX_FILE), dict[str, Part])
    except records.DecodeError:
        raise Invalid(f"{path} holds no sealed notice: ask the requester to export it again") from None


def read_terms(path: Path) -> Terms:
    """Raises NotFound, Invalid."""
    try:
        terms = records.from_json(files.read(path, _MAX_FILE), Terms)
    except records.DecodeError:
        raise Invalid(
            f"{path} holds no terms of a round: ask the requester for what `steelyard setoff open` wrote"
        ) from None
    terms.check()
    return terms
