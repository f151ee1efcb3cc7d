"""`Rounds`: set-off rounds as a profile sees them: their terms, what its firms have said, and what they are told.

D/rounds/<round>.json holds the terms; D/contributors/<firm>/rounds/<contribution>.json what a firm has said with it,
for its notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from steelyard.documents.contribution import Bundle, ContributionHeader, Measure
from steelyard.documents.signed import read as read_document
from steelyard.errors import Cheated, Invalid, NotFound, TimedOut
from steelyard.functions.finality import result_hash
from steelyard.functions.notices import ABOUT, Part, Told, about, parts_of, put_together
from steelyard.functions.set_off import AMOUNT, PURPOSE
from steelyard.identity import files
from steelyard.identity.homes import Layout
from steelyard.ids import computation_id
from steelyard.setoff.notice import Notice
from steelyard.setoff.settlement import settle
from steelyard.setoff.statement import Statement
from steelyard.setoff.terms import Terms, member

from .client import Client
from .firm import Firm
from .profile import Profile
from .questions import Asked, with_options
from .results import Result

FOLDER: Final = "rounds"
_MAX_FILE: Final = 1 << 26
_TOGETHER: Final = 500  # contributions handed in at once
_PAUSE: Final = 0.1
_DAYS: Final = 30

OnFirm = Callable[[int, int], None]  # how many firms have sealed, of how many


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
        folder = files.private_directory(firm.folder / FOLDER)
        contribution = read_document(ContributionHeader, bundle.header.payload).id
        files.replace(folder / f"{contribution}.json", msgspec.json.encode(statement), files.PRIVATE)
        return bundle

    def statement(self, firm: str, told: Told) -> Statement:
        """What a firm whose keys lie here has said in the contribution that its notice is about.  Raises NotFound."""
        for path in (Layout(self._profile.path).contributor(member(firm)).path / FOLDER).glob("*.json"):
            if list(about(path.stem)) == told.values[:ABOUT].tolist():
                return msgspec.json.decode(files.read(path, _MAX_FILE), type=Statement)
        raise NotFound(f"what {firm[:60]} said to the round {told.round} was said from another folder: open it there")

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
    profile, deadline = client.desk.profile, time.monotonic() + timeout
    rounds, waiting = Rounds(profile), set[str]()
    client.learn_keys()
    for start in range(0, len(statements), _TOGETHER):
        sealed = []
        for at, each in enumerate(statements[start : start + _TOGETHER], start=start + 1):
            sealed.append(rounds.seal(each, client.firm(member(each.firm))))
            on_firm(at, len(statements))
        waiting |= set(client.hand_in(sealed))
    _arrive(client, waiting, len(statements), deadline)


def clear(client: Client, terms: Terms, asked: Asked, options: Mapping[str, Any]) -> Result:
    """Clears a round for whoever has contributed."""
    plain = msgspec.json.decode(msgspec.json.encode(terms))
    return client.ask("set_off", terms.round, AMOUNT, **with_options(asked, terms=plain, **options))


def declare_final(client: Client, result: Result) -> Result:
    """The requester's word, under its signature, that this result of a round stands; raises Invalid for a dry run."""
    if result.function != "set_off" or result.value["dry_run"]:
        raise Invalid(f"{result.computation} has cleared no round: there is nothing to declare final")
    options = {"run": result.computation, "result": result_hash(result.value)}
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


def _arrive(client: Client, waiting: Iterable[str], count: int, deadline: float) -> None:
    left = set(waiting)
    while left:
        for each in client.contributions(count):
            if each.id in left and each.refused:
                raise each.refused[0].error()
            if not each.waiting:
                left.discard(each.id)
        if left and time.monotonic() > deadline:
            raise TimedOut(f"{len(left)} contributions have not arrived at all nodes yet")
        if left:
            time.sleep(_PAUSE)
