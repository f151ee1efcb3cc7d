"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

DEFAULT_TIMEOUT: Final = 60.0  # seconds, as in clients.sdk.questions, which takes longer to import

Json: TypeAlias = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, nothing else, on stdout.")]
Timeout: TypeAlias = Annotated[float, Parameter(help=f"Seconds to wait for the end [default: {DEFAULT_TIMEOUT:g}].")]
Party: TypeAlias = Annotated[str, Parameter(help="The party whose owner you are; not needed when it is only one.")]
Directory: TypeAlias = Annotated[Path | None, Parameter(name="--dir", help="The local profile's directory.")]
Id: TypeAlias = Annotated[str, Parameter(help="The computation's id, 32 hexadecimal digits.")]
