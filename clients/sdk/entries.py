"""`Entries`: the invoices that a firm has entered into rounds, and what final notices say was cleared of them.

Nodes and operators see no invoice, so only the firm can notice that it enters one twice.  In its folder,
<contribution>.json holds what it has said, <contribution>.told what the newest notice of that says.  Amounts are
compared in major units, for rounds have decimals of their own.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from steelyard import records
from steelyard.errors import Conflict, Invalid, NotFound
from steelyard.identity import files
from steelyard.setoff.obligations import Obligation
from steelyard.setoff.statement import Offers, Statement
from steelyard.setoff.terms import Terms, member

MAX_FILE: Final = 1 << 26
_PAUSE: Final = 0.02  # seconds between tries
Invoice = tuple[str, str, str]  # its id, its debtor, its creditor: others may use the same id
_Record = TypeVar("_Record")


class Said(msgspec.Struct, frozen=True):
    """A firm's statement but for the terms, which are named by their tag; `entered`: which invoices took part.

    `played`: in a round that somebody played with all firms in one profile, which stands only when it is final.
    """

    firm: str
    terms: str
    obligations: tuple[Obligation, ...]
    offers: Offers
    round: str = ""
    made_ms: int = 0
    played: bool = False
    entered: tuple[str, ...] = ()
    decimals: int | None = None  # with the currency, and None where the release before did not keep them
    currency: str = ""

    def invoices(self) -> dict[Invoice, Obligation]:
        """Those that took part; all, where the release before did not keep which."""
        taken = set(self.entered)
        unknown = not self.round and not taken
        return {_name(each): each for each in self.obligations if unknown or each.id in taken}


class _Told(msgspec.Struct, frozen=True):
    run: str
    cleared: dict[str, int]  # by id of the invoice


@dataclass(frozen=True, slots=True)
class _Past:
    """Of an invoice, in major units: the most that was entered into final rounds, and what these have cleared."""

    entered: Fraction = field(repr=False)
    cleared: Fraction = field(default=Fraction(0), repr=False)
    decimals: int = 0
    currency: str = ""

    def remains(self, decimals: int) -> int:
        """In minor units, rounded down."""
        return int(max(self.entered - self.cleared, Fraction(0)) * 10**decimals)

    def and_of(self, invoice: Obligation, said: Said, cleared: int) -> _Past:
        decimals = said.decimals or 0
        return _Past(
            max(self.entered, _major(invoice.amount, decimals)),
            self.cleared + _major(cleared, decimals),
            max(self.decimals, decimals),
            invoice.currency or said.currency or self.currency,
        )


class Entries:
    """Of one firm.  `final` says whether the round that this computation cleared stands, as far as is known here.

    `terms` finds those of a tag, for what the release before has kept without the name of its round.
    """

    patience = 30.0  # seconds, for another that enters invoices of this firm

    def __init__(
        self, folder: Path, final: Callable[[str], bool], terms: Callable[[str], Terms | None] = lambda tag: None
    ) -> None:
        self._folder = folder
        self._final = final
        self._terms = terms

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time checks and adds: two that do so at once would both find an invoice free.

        Raises Conflict when another does not end.
        """
        files.private_directory(self._folder)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, files.PRIVATE)
        try:
            _lock(descriptor, time.monotonic() + self.patience)
            yield
        finally:
            os.close(descriptor)

    def add(self, contribution: str, said: Said) -> None:
        files.private_directory(self._folder)
        files.replace(self._said(contribution), msgspec.json.encode(said), files.PRIVATE)

    def said(self, contribution: str) -> Said:
        """Raises NotFound, Invalid for a file that is damaged."""
        if not self._said(contribution).exists():
            raise NotFound("nothing of this contribution is known here")
        return self._with_terms(_read(self._said(contribution), Said))

    def _with_terms(self, said: Said) -> Said:
        terms = self._terms(said.terms) if said.decimals is None else None
        if terms is None:
            return said
        entered = tuple(each.id for each in said.invoices().values())
        known = {"round": terms.round, "decimals": terms.decimals, "currency": terms.currency}
        return msgspec.structs.replace(said, entered=entered, **known)

    def settle(self, contribution: str, run: str, cleared: Mapping[str, int]) -> None:
        """What the notice of a run says; it does not replace that of one that is final."""
        before = self._told(contribution)
        if before is None or not self._final(before.run):
            told = msgspec.json.encode(_Told(run, dict(cleared)))
            files.replace(self._outcome(contribution), told, files.PRIVATE)

    def open(self, statement: Statement) -> Statement:
        """With what remains open of each invoice after all rounds that are final: never more than is stated."""
        left = [(each, self._remains(each, statement.terms)) for each in statement.obligations]
        still = tuple(replace(each, amount=amount) for each, amount in left if amount > 0)
        return replace(statement, obligations=still)

    def check(self, statement: Statement, *, again: bool = False) -> None:
        """Raises Conflict for an invoice that is entered with more than remains open, or into two rounds at once.

        With `again` an invoice may be in another round as well.  Raises Invalid for two invoices of one id.
        """
        if len({each.id for each in statement.obligations}) < len(statement.obligations):
            raise Invalid("two invoices of this statement have one id: give each its own, as its notice goes by them")
        elsewhere = {} if again else self._elsewhere(statement.terms.round)
        for each in statement.book.obligations:
            left = self._remains(each, statement.terms)
            if each.amount > left:
                text = f"of invoice {each.id} {left} minor units remain open after rounds that are final"
                raise Conflict(f"{text}: enter no more, and what it was raised by since under another id")
            if other := elsewhere.get(_name(each)):
                text = f"invoice {each.id} has been entered into the round {other}, and may be cleared there"
                advice = (
                    "once that is final, open its notice with `steelyard setoff notice ... --final`; else leave the"
                )
                raise Conflict(f"{text}: {advice} invoice out, or enter it with `--again`")

    def excess(self) -> dict[Invoice, int]:
        """An invoice of which final rounds have cleared more than it is about, and by how much, in minor units."""
        both = {name: (past.cleared - past.entered) * 10**past.decimals for name, past in self._cleared.items()}
        return {invoice: int(more) for invoice, more in both.items() if more > 0}

    def _remains(self, invoice: Obligation, terms: Terms) -> int:
        """Of what is stated now; at most what was ever entered of it, less all that was cleared."""
        past, currency = self._cleared.get(_name(invoice)), invoice.currency or terms.currency
        if past is None:
            return invoice.amount
        if past.currency and currency and past.currency != currency:
            text = (
                f"invoice {invoice.id} was in {past.currency} when a final round cleared it, and is in {currency} now"
            )
            raise Conflict(f"{text}: enter what remains of it under another id")
        return min(invoice.amount, past.remains(terms.decimals))

    @cached_property
    def _cleared(self) -> dict[Invoice, _Past]:
        """What rounds that are final have cleared."""
        found: dict[Invoice, _Past] = {}
        for contribution, said in self._all.items():
            told = self._told(contribution)
            if told is None or not self._final(told.run):
                continue
            for name, each in said.invoices().items():
                past = found.get(name, _Past(Fraction(0)))
                found[name] = past.and_of(each, said, told.cleared.get(each.id, 0))
        return found

    def _elsewhere(self, round_: str) -> dict[Invoice, str]:
        """By invoice another round that it is in, and that may still clear it."""
        others: dict[str, list[str]] = {}
        for contribution, said in sorted(self._all.items(), key=lambda item: item[1].made_ms):
            if not said.played and said.round not in ("", round_):
                others[said.round] = self._standing(others.get(said.round, []), contribution)
        return {
            name: other
            for other, standing in others.items()
            for each in standing
            for name in self._all[each].invoices()
        }

    def _standing(self, before: list[str], contribution: str) -> list[str]:
        """Which of a round may still be cleared when this one has followed.

        A final notice ends those before it.  A correction takes the place of those without any notice; the run that
        made one may still become final, over what was said first.
        """
        told = self._told(contribution)
        if told is not None and self._final(told.run):
            return []
        return [*(each for each in before if self._told(each) is not None), contribution]

    @cached_property
    def _all(self) -> dict[str, Said]:
        return {path.stem: self.said(path.stem) for path in sorted(self._folder.glob("*.json"))}

    def _told(self, contribution: str) -> _Told | None:
        path = self._outcome(contribution)
        return _read(path, _Told) if path.exists() else None

    def _said(self, contribution: str) -> Path:
        return self._folder / f"{contribution}.json"

    def _outcome(self, contribution: str) -> Path:
        return self._folder / f"{contribution}.told"


def _lock(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                text = "another program enters invoices of this firm, and does not end"
                raise Conflict(f"{text}: look for it, then try again") from None
        time.sleep(_PAUSE)


def _name(invoice: Obligation) -> Invoice:
    return invoice.id, member(invoice.debtor), member(invoice.creditor)


def _major(amount: int, decimals: int) -> Fraction:
    return Fraction(amount, 10**decimals)


def _read(path: Path, kind: type[_Record]) -> _Record:
    try:
        return records.from_json(files.read(path, MAX_FILE), kind)
    except records.DecodeError:
        text = f"{path} is damaged, which says what this firm has entered into a round"
        raise Invalid(f"{text}: put it back from a backup; without it nobody here knows what is cleared") from None
