"""The words of a `--where`: AND-joined terms over columns and literals.

    term     column = literal | column IN (literal, ...) | column BETWEEN literal AND literal
             column < literal (also <=, >, >=)
    literal  'text' (a quote is written twice), a number, TRUE, FALSE; a date is the text 'YYYY-MM-DD'

Key words are case-insensitive, columns are not.  Nothing else of SQL is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NoReturn

from steelyard.errors import Invalid
from steelyard.ids import identifier

Value = str | Decimal | bool
Operator = Literal["=", "<", "<=", ">", ">=", "IN", "BETWEEN"]

MAX_TEXT: Final = 4_096  # characters
MAX_TERMS: Final = 64
MAX_VALUES: Final = 1_000
KEYWORDS: Final = frozenset({"AND", "IN", "BETWEEN", "TRUE", "FALSE", "OR", "NOT", "LIKE", "IS", "NULL"})

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>[+-]?[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.]))
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol><=|>=|<>|!=|==|[=<>(),])
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final[dict[str, Operator]] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Term:
    column: str
    operator: Operator
    values: tuple[Value, ...]  # one; for BETWEEN two; for IN any number


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int  # character, from 1


def terms(text: str) -> tuple[Term, ...]:
    """The terms in the order written; an empty text has none.  Raises Invalid, naming the character."""
    if len(text) > MAX_TEXT:
        raise Invalid(f"a filter has at most {MAX_TEXT} characters")
    if not text.strip():
        return ()
    return _Parser(list(_tokens(text))).parse()


def column_name(text: str) -> str:
    """A column's name as a filter may write it.  Raises Invalid."""
    if text.upper() in KEYWORDS:
        raise Invalid(f"{text!r} is a key word of filters and no column")
    return identifier(text, "column")


def number(text: str) -> Decimal:
    """The exact number, without needless zeros, so that equal numbers print the same."""
    sign = "-" if text.startswith("-") else ""
    whole, _, behind = text.lstrip("+-").partition(".")
    behind = behind.rstrip("0")
    plain = (whole.lstrip("0") or "0") + (f".{behind}" if behind else "")
    return Decimal(plain if plain == "0" else sign + plain)


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None or match.lastgroup is None:
            raise Invalid(f"the filter cannot be read at character {_skip_blanks(text, at) + 1}")
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        at = match.end()
    yield _Token("end", "", end + 1)


def _skip_blanks(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())


class _Parser:
    """Recursive descent, one token ahead."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def parse(self) -> tuple[Term, ...]:
        found = [self._term()]
        while self._keyword("AND"):
            if len(found) == MAX_TERMS:
                raise Invalid(f"a filter has at most {MAX_TERMS} terms")
            found.append(self._term())
        if self._token.kind != "end":
            self._fail("AND or the end was expected")
        return tuple(found)

    def _term(self) -> Term:
        token = self._token
        if token.kind != "word" or token.text.upper() in KEYWORDS:
            self._fail("a column was expected")
        column = column_name(self._take().text)
        if self._keyword("IN"):
            return Term(column, "IN", self._list())
        if self._keyword("BETWEEN"):
            low = self._literal()
            if not self._keyword("AND"):
                self._fail("BETWEEN needs `low AND high`")
            return Term(column, "BETWEEN", (low, self._literal()))
        operator = _COMPARISONS.get(self._token.text) if self._token.kind == "symbol" else None
        if operator is None:
            self._fail("one of = < <= > >= IN BETWEEN was expected")
        self._take()
        return Term(column, operator, (self._literal(),))

    def _list(self) -> tuple[Value, ...]:
        self._symbol("(")
        values: list[Value] = []
        while self._token.text != ")" or self._token.kind != "symbol":
            if values:
                self._symbol(",")
            if len(values) == MAX_VALUES:
                raise Invalid(f"IN has at most {MAX_VALUES} values")
            values.append(self._literal())
        self._symbol(")")
        return tuple(values)

    def _literal(self) -> Value:
        token = self._token
        if token.kind == "text":
            return self._take().text[1:-1].replace("''", "'")
        if token.kind == "number":
            return number(self._take().text)
        if token.kind == "word" and token.text.upper() in ("TRUE", "FALSE"):
            return self._take().text.upper() == "TRUE"
        self._fail("a literal was expected: 'text' or a number")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._token
        self._at += 1
        return token

    def _keyword(self, word: str) -> bool:
        if self._token.kind == "word" and self._token.text.upper() == word:
            self._at += 1
            return True
        return False

    def _symbol(self, symbol: str) -> None:
        if self._token.kind != "symbol" or self._token.text != symbol:
            self._fail(f"{symbol} was expected")
        self._at += 1

    def _fail(self, problem: str) -> NoReturn:
        raise Invalid(f"the filter at character {self._token.at}: {problem}")
