"""`Secret[T]`: a value that prints as `<secret>`; who wants to see it must pass `REVEAL`.

So "who can see secrets?" is answered by a search for one import (an import-linter contract keeps the list short).
"""

from __future__ import annotations

from typing import Final, Generic, NoReturn, TypeVar, final

from steelyard.errors import Invalid

T = TypeVar("T")


@final
class Reveal:
    """The type of the one token that opens a Secret."""

    __slots__ = ()


REVEAL: Final = Reveal()


@final
class Secret(Generic[T]):
    """Wraps a secret value.  Not printable, not comparable, not hashable, not serialisable."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self, token: Reveal) -> T:
        if token is not REVEAL:
            raise Invalid("a secret opens only with the REVEAL token")
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        raise Invalid("secrets are not compared: reveal them on purpose")

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise Invalid("secrets are not serialised")
