"""Terms: what an owner allows others to do with data that it leaves with them, when its own node takes no part."""

from __future__ import annotations

from typing import Annotated

import msgspec

Names = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=100)], ...], msgspec.Meta(max_length=1000)]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Its policy's lists of the day it shared; without a word, nothing."""

    functions: Names = ()
    requesters: Names = ()
    lower_threshold: bool = False
