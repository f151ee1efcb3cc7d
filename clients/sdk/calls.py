"""Calls: signed requests that firms without a node answer before they are handed in.

A firm's answer is good for this one question, whose digest its signature covers: with other ratios, more decimals,
another year, another requester or a later end there would be no answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from steelyard.documents.contribution import Bundle
from steelyard.documents.request import Request
from steelyard.documents.signed import Signed, from_wire, to_wire
from steelyard.errors import Conflict, Invalid, Malformed, NotFound, Unauthenticated
from steelyard.functions import answer as answering
from steelyard.functions.about_statements import FIRM, YEAR, AboutStatements
from steelyard.functions.answer import Answer
from steelyard.functions.answered import PURPOSE, call_of
from steelyard.functions.catalogue import question_of
from steelyard.functions.leakage import leakage
from steelyard.functions.statements import OfStatements
from steelyard.identity import files
from steelyard.identity.membership import Membership
from steelyard.ids import PartyId
from steelyard.tables import reader, schema
from steelyard.tables.reader import Table

from .firm import Firm
from .firm_table import RowsOfFile
from .records import Contribution
from .results import Leak

_MAX_FILE: Final = 1 << 21


@dataclass(frozen=True)
class Call:
    """A request that a requester of the manifest has signed, and that still holds."""

    signed: Signed
    request: Request
    question: OfStatements[Any] = field(repr=False)
    membership: Membership = field(repr=False)

    @property
    def held_as(self) -> str:
        """What answers to it are held as, in the place of a dataset's name."""
        return self.question.held_as(call_of(self.request))

    def unanswered(self, found: Iterable[Contribution]) -> tuple[PartyId, ...]:
        """Those called of whom none of these is an answer that all nodes have taken."""
        there = {each.contributor for each in found if each.dataset == self.held_as and each.taken}
        return tuple(firm for firm in self.question.called if firm not in there)

    def leakage(self) -> Sequence[Leak]:
        """Every value that becomes known, and to whom."""
        found = leakage(self.request, self.membership.minimum_group)
        return tuple(Leak(what=each.what, to=each.to) for each in found)

    def answer(self, firm: str, path: Path, declared: Path | None = None) -> Answer:
        """What the firm would send, from a file with its statements: one row for each year.

        Raises Invalid with file, line and column, NotFound without a statement of the firm and the year asked about.
        """
        wanted, membership = self.question.wanted, self.membership
        table = _own(reader.read(path, schema.load(declared) if declared else None), path.name, firm, wanted)
        asked = answering.Asker(
            self.question,
            self.request.requester,
            membership.sealing_key(self.request.requester),
            membership.points,
            membership.threshold,
        )
        decimals = {each.name: each.decimals for each in table.schema.columns}
        return asked.answer(PartyId(firm), RowsOfFile(table), {**dict.fromkeys(wanted.columns, 0), **decimals})

    def seal(self, firm: Firm, answer: Answer) -> Bundle:
        """The answer under the firm's signature, which is its consent to this request and to no other."""
        return firm.seal_shares(
            answer.layers,
            answer.shares,
            dataset=self.held_as,
            purpose=PURPOSE,
            rows=1,
            expires_ms=self.request.expires_ms,
        )


def read(signed: Signed, membership: Membership) -> Call:
    """Raises Unauthenticated for a call that no requester of the manifest has signed, Conflict for one that is for
    another manifest or has expired, Invalid for a request that calls nobody.
    """
    request = signed.open(Request, membership.requester_keys)
    if request.requester != signed.signer:
        raise Unauthenticated(f"{signed.signer} signed a call in the name of somebody else")
    if request.manifest != membership.digest:
        raise Conflict("the call is for another version of the manifest than this profile has: compare versions")
    if request.expires_ms <= time.time_ns() // 1_000_000:
        raise Conflict(f"the call has expired: ask {request.requester} for a new one")
    question = question_of(request)
    if not isinstance(question, OfStatements) or not question.called:
        raise Invalid("this request calls no firm to answer: it is to be handed in as it is")
    if not all(each.isprintable() for each in (request.purpose, *question.wanted.subjects)):
        raise Invalid("purpose and names of a call are printable text: they are shown to who answers")
    return Call(signed, request, question, membership)


def save(signed: Signed, path: Path) -> None:
    """A call as a file, to be sent to the firms; it holds no secret."""
    files.replace(path, to_wire(signed))


def load(path: Path) -> Signed:
    """Raises NotFound, and Invalid for a file that holds no call."""
    with suppress(Malformed):
        if (signed := from_wire(files.read(path, _MAX_FILE))).kind == Request.KIND:
            return signed
    raise Invalid(f"{path} holds no call: it is the file that `steelyard ratio --call` writes")


def _own(table: Table, file: str, firm: str, wanted: AboutStatements) -> Table:
    """The firm's statements, of one year if one is asked about."""
    kinds = {each.name: each.numeric for each in table.schema.columns}
    needed = [name for name in wanted.columns if name in kinds or name not in wanted.optional]
    if missing := [name for name in needed if name not in kinds]:
        raise NotFound(f"{file} has no column {missing[0]}, which the call needs")
    if odd := [name for name in needed if kinds[name] == (name == FIRM)]:
        raise Invalid(f"{file}: column {odd[0]} holds {'numbers' if kinds[odd[0]] else 'text'}, which it should not")
    chosen = table.frame.filter(pl.col(FIRM) == firm)
    scale = 10 ** table.schema.column(YEAR).decimals
    return Table(table.schema, chosen.filter(pl.col(YEAR) == wanted.year * scale) if wanted.year else chosen)
