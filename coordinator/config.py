"""coordinator.toml.  Paths are relative to the file; unknown keys are refused, with their place named.

identity = "identity"            # the folder that `steelyard pki` made
listen = "0.0.0.0:7700"
state = "state"                  # made if missing; holds the database
log_level = "info"
metrics = "127.0.0.1:9700"       # Prometheus over HTTP; leave out for none

[timing]                         # seconds
computation = 60                 # from approval to the end
long = 14400                     # the same, of training and rounds of set-off

[limits]
running_per_requester = 100
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from steelyard import records
from steelyard.errors import Invalid

LONG: Final = frozenset({"train", "set_off"})
Seconds = Annotated[float, msgspec.Meta(gt=0, le=7 * 24 * 3600)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds.  No phase is without one of these."""

    computation: Seconds = 60  # from approval to the end, all attempts together
    long: Seconds = 4 * 3600  # the same, of what takes long by its nature: training, rounds of set-off
    call: Seconds = 3  # one answer of a node
    missing: Seconds = 3  # of retries until a node that does not answer is missing
    back: Seconds = 10  # for a node that was lost during an attempt to come back
    long_back: Seconds = 600  # the same, for what takes long and goes on where it was
    poll: Seconds = 1  # between questions to a node whose owner has to decide
    failed: Seconds = 2  # after a failure that decides the attempt, for others to say what they saw
    broken: Seconds = 15  # after another failure, while enough nodes can still finish
    delivered: Seconds = 2  # after enough results, for the rest
    fetch: Seconds = 30  # one node's sealed result
    describe: Seconds = 2  # between looks at a node
    deliver: Seconds = 5  # between tries to deliver contributions to a node that did not take them

    def of(self, function: str) -> float:
        """How long a computation of this function may take."""
        return max(self.long, self.computation) if function in LONG else self.computation

    def returning(self, function: str) -> float:
        """How long a node that was lost during an attempt may stay away."""
        return max(self.long_back, self.back) if function in LONG else self.back


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    running_per_requester: Count = 100
    running: Count = 1000
    attempts_at_once: Count = 16
    attempts: Count = 3  # of one computation
    keep_days: Count = 30  # after the end
    contributions_per_sponsor: Count = 10_000  # that some node has not taken yet
    contribution_megabytes: Count = 4096  # of ciphertext that waits for nodes, all sponsors' together
    bundle_megabytes: Count = 256  # of one contribution, all nodes' shares together


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    identity: Path
    listen: str
    state: Path
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics: str = ""
    timing: Timing = Timing()
    limits: Limits = Limits()


def load(path: Path) -> Config:
    """Raises Invalid, naming the file and the key."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}") from None
    try:
        config = records.from_plain(raw, Config, hook=_path)
    except records.DecodeError as error:
        raise Invalid(f"{path}: {error}") from None
    folder = path.parent
    return msgspec.structs.replace(config, identity=folder / config.identity, state=folder / config.state)


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("Expected a path")  # msgspec adds where
