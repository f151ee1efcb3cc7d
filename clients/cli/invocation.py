"""What holds for one call of `steelyard` as a whole: which profile, whether JSON, and quiet libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from steelyard.errors import Invalid, NotFound

if TYPE_CHECKING:
    from clients.sdk.client import Client
    from clients.sdk.owner import Owner
    from clients.sdk.profile import Profile

VARIABLE: Final = "STEELYARD_PROFILE"
_FLAG: Final = "--profile"
_FILE: Final = "profile.toml"  # as in clients.sdk.profile, which takes longer to import
_profile: ContextVar[str | None] = ContextVar("profile", default=None)


@dataclass(frozen=True)
class Invocation:
    """The arguments without `--profile`, which stands anywhere among them."""

    arguments: tuple[str, ...]
    profile: str | None
    json: bool

    @property
    def command(self) -> str:
        """The first argument that is no option; empty when there is none."""
        return next((each for each in self.arguments if not each.startswith("-")), "")

    @contextmanager
    def active(self) -> Iterator[None]:
        reset = _profile.set(self.profile)
        try:
            yield
        finally:
            _profile.reset(reset)


def read(arguments: Sequence[str]) -> Invocation:
    """Raises Invalid for `--profile` without a directory, or with two different ones."""
    rest: list[str] = []
    found: set[str] = set()
    waiting = iter(arguments)
    for each in waiting:
        if each == "--":
            rest += [each, *waiting]
        elif each == _FLAG:
            found.add(next(waiting, ""))
        elif each.startswith(f"{_FLAG}="):
            found.add(each.partition("=")[2])
        else:
            rest.append(each)
    if "" in found or len(found) > 1:
        raise Invalid("--profile takes one directory")
    return Invocation(tuple(rest), next(iter(found), None), wants_json(arguments))


def wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def profile_directory() -> Path:
    """--profile, else STEELYARD_PROFILE, else ./.steelyard, else the user's configuration; raises NotFound."""
    named = _profile.get() or os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "steelyard"
    for directory in (Path(".steelyard"), configuration):
        if (directory / _FILE).exists():
            return directory
    raise NotFound(
        f"no profile is named: give --profile DIR or set {VARIABLE}, or keep one in ./.steelyard or {configuration}; "
        "`steelyard local up --dir DIR` makes one to try things with"
    )


def open_profile() -> Profile:
    from clients.sdk.profile import Profile

    _quieten()
    return Profile.open(profile_directory())


def open_client() -> Client:
    """The requester of the profile."""
    from clients.sdk.client import Client
    from clients.sdk.desk import Desk

    return Client(Desk(open_profile()))


def open_owner(party: str = "") -> Owner:
    """The owner of `party`; of the only party that the profile owns when none is named."""
    return owners_of(open_profile(), party)[0] if party else _only(owners_of(open_profile()))


def open_owners(party: str = "") -> list[Owner]:
    """The owner of `party`, or of every party that the profile owns; raises NotFound when it owns none."""
    return owners_of(open_profile(), party)


def owners_of(profile: Profile, party: str = "") -> list[Owner]:
    from clients.sdk.owner import Owner

    parties = [party] if party else list(profile.owners)
    if not parties:
        raise NotFound(f"the profile in {profile.path} owns no party's node")
    return [Owner(profile, each) for each in parties]


def _only(owners: Sequence[Owner]) -> Owner:
    if len(owners) > 1:
        raise Invalid(f"say which party: --party {' or '.join(each.party for each in owners)}")
    return owners[0]


def _quieten() -> None:
    """Libraries log to stderr, and only what a user should know: stdout is for data."""
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
