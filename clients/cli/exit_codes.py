"""The exit codes of `steelyard`, frozen: scripts of many organisations depend on them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OK: Final = 0
UNEXPECTED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

EXIT_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        OK: "done",
        UNEXPECTED: "an unexpected failure: a defect",
        USAGE: "the command or its input is wrong",
        3: "no such computation, dataset, column, party, process or profile",
        4: "a party or its policy refuses",
        5: "a party is unreachable or too slow; trying again may help",
        6: "cheating was detected",
        7: "a certificate, key, signature or the manifest does not fit",
        8: "exists already, or is in another state",
        INTERRUPTED: "interrupted by Ctrl-C",
    }
)
