"""Names of things, as types: a party is never a bare int, a computation never a bare string."""

from __future__ import annotations

import re
from typing import NewType

from steelyard.errors import Invalid

PartyId = NewType("PartyId", str)  # an organisation, such as bank-a
ComputationId = NewType("ComputationId", str)  # 32 hex digits, chosen by the requester
AttemptId = NewType("AttemptId", str)  # 32 hex digits, fresh for every attempt at a computation

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HEX_128 = re.compile(r"[0-9a-f]{32}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def party_id(text: str) -> PartyId:
    """A party's name: lower-case letters, digits and single hyphens, at most 40 characters (it becomes a DNS label)."""
    if len(text) > 40 or not _NAME.fullmatch(text):
        raise Invalid(f"{text[:60]!r} is no party name: use lower-case letters, digits and hyphens, such as bank-a")
    return PartyId(text)


def computation_id(text: str) -> ComputationId:
    if not _HEX_128.fullmatch(text):
        raise Invalid(f"{text[:60]!r} is no computation id: it has 32 hexadecimal digits")
    return ComputationId(text)


def attempt_id(text: str) -> AttemptId:
    if not _HEX_128.fullmatch(text):
        raise Invalid("an attempt id has 32 hexadecimal digits")
    return AttemptId(text)


def identifier(text: str, what: str) -> str:
    """A dataset's or column's name: a letter or underscore, then letters, digits, underscores; at most 63."""
    if not _IDENTIFIER.fullmatch(text):
        raise Invalid(f"{text[:60]!r} is no {what} name: use letters, digits and underscores")
    return text
