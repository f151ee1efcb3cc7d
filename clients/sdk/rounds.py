"""`Rounds`: set-off rounds as a profile sees them: their terms, what its firms have said, and what they are told.

D/rounds/<round>.json holds the terms; D/contributors/<firm>/rounds/<contribution>.json what a firm has said with it,
for its notice, under terms that D/rounds/<tag>.terms holds once for all firms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from steelyard.documents.contribution import Bundle, ContributionHeader, Measure
from steelyard.documents.signed import read as read_document
from steelyard.errors import Cheated, Invalid, NotFound
from steelyard.functions.finality import result_hash
from steelyard.functions.notices import ABOUT, Part, Told, contribution_of, parts_of, put_together
from steelyard.functions.set_off import AMOUNT, PURPOSE
from steelyard.identity import files
from steelyard.identity.homes import Layout
from steelyard.ids import computation_id
from steelyard.setoff.notice import Notice
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.settlement import settle
from steelyard.setoff.statement import Offers, Statement
from steelyard.setoff.terms import Terms, member

from .client import Client
from .delivery import OnFirm, deliver
from .firm import Firm
from .profile import Profile
from .results import Result

FOLDER: Final = "rounds"
_MAX_FILE: Final = 1 << 26
_DAYS: Final = 30


class _Said(msgspec.Struct, frozen=True):
    """A firm's statement but for the terms, which are named by their tag."""

    firm: str
    terms: str
    obligations: tuple[Obligation, ...]
    offers: Offers


class Rounds:
    """No network but through the client."""

    def __init__(self, profile: Profile) -> None:
        self._profile: Final = profile

    def open(self, terms: Terms) -> Path:
        """Keeps the terms of a round, to be given to its firms.  Raises Invalid, Conflict where there are others."""
        terms.check()
        folder = files.private_directory(self._profile.path / FOLDER)
        path = folder / f"{terms.round}.json"
        files.write_new(path, msgspec.json.encode(terms), files.PUBLIC)
        return path

    def terms(self, name: str = "") -> Terms:
        """Those of a round, or of the newest.  Raises NotFound."""
        found = sorted((self._profile.path / FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        known = [path for path in found if name in ("", path.stem)]
        if not known:
            raise NotFound("there is no such round here: `steelyard setoff open` opens one")
        return read_terms(known[-1])

    def seal(self, statement: Statement, firm: Firm, days: int = _DAYS) -> Bundle:
        """What a firm says, sealed for the nodes; the firm keeps its statement, which its notice is made from."""
        terms = statement.terms
        measure = Measure(AMOUNT, terms.decimals, 0)
        bundle = firm.seal(statement.layers(), dataset=terms.round, purpose=PURPOSE, columns=(measure,), days=days)
        if not self._agreed(terms.tag).exists():
            files.private_directory(self._profile.path / FOLDER)
            files.replace(self._agreed(terms.tag), msgspec.json.encode(terms))
        folder = files.private_directory(firm.folder / FOLDER)
        said = _Said(statement.firm, terms.tag, statement.obligations, statement.offers)
        contribution = read_document(ContributionHeader, bundle.header.payload).id
        files.replace(folder / f"{contribution}.json", msgspec.json.encode(said), files.PRIVATE)
        return bundle

    def statement(self, firm: str, told: Told) -> Statement:
        """What a firm whose keys lie here has said in the contribution that its notice is about.  Raises NotFound."""
        folder = Layout(self._profile.path).contributor(member(firm)).path / FOLDER
        path = folder / f"{contribution_of(told.values)}.json"
        if not path.exists():
            text = (
                f"what {firm[:60]} said to the round {told.round} was said from another profile: open the notice there"
            )
            raise NotFound(text)
        said = msgspec.json.decode(files.read(path, _MAX_FILE), type=_Said)
        return Statement(read_terms(self._agreed(said.terms)), said.firm, said.obligations, said.offers)

    def notice(self, firm: str, parts: Mapping[str, Part], run: str = "") -> Notice:
        """A firm's notice, opened with its key and checked.  Raises Cheated where it does not add up."""
        told = self.told(firm, parts, run)
        if told.tells != "lines":
            raise Invalid("this was a dry run: `steelyard setoff preview` says what a firm would save")
        found = settle(self.statement(firm, told), told.values[ABOUT:], told.round)
        found.check()
        final = self._final(told.computation).exists()
        return replace(found, run=told.computation, nodes=told.nodes, verified=told.verified, final=final)

    def remember_final(self, run: str, result: Result) -> None:
        """A notice of this run stands from now on, as far as this profile knows."""
        files.private_directory(self._profile.path / FOLDER)
        files.replace(self._final(run), msgspec.json.encode({"computation": result.computation, **result.value}))

    def _agreed(self, tag: str) -> Path:
        return self._profile.path / FOLDER / f"{tag}.terms"

    def _final(self, run: str) -> Path:
        return self._profile.path / FOLDER / f"{computation_id(run)}.final"

    def told(self, firm: str, parts: Mapping[str, Part], run: str = "") -> Told:
        """What nodes have told a firm, in this run if one is named.  Raises Cheated."""
        opened = Firm.of(self._profile, member(firm), make=False)
        membership = opened.membership
        by_node = {node: parts[node] for node in membership.parties if node in parts}
        told = put_together(
            opened.name, by_node, membership.signing_keys, membership.points, membership.threshold, opened.unseal
        )
        if run and told.computation != computation_id(run):
            raise Cheated("the notice is of another run of a round", suspects=told.nodes)
        return told


def play(client: Client, statements: Sequence[Statement], on_firm: OnFirm, timeout: float) -> None:
    """All firms whose keys lie in this profile say what they owe and are owed; returns when all nodes have it."""
    rounds = Rounds(client.desk.profile)
    deliver(client, [partial(_sealed, client, rounds, each) for each in statements], on_firm, timeout)


def _sealed(client: Client, rounds: Rounds, statement: Statement) -> Bundle:
    return rounds.seal(statement, client.firm(member(statement.firm)))


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
        return msgspec.msgpack.decode(files.read(path, _MAX_FILE), type=dict[str, Part])
    except msgspec.DecodeError:
        raise Invalid(f"{path} holds no sealed notice") from None


def read_terms(path: Path) -> Terms:
    """Raises NotFound, Invalid."""
    try:
        terms = msgspec.json.decode(files.read(path, _MAX_FILE), type=Terms)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid(f"{path} holds no terms of a round") from None
    terms.check()
    return terms
