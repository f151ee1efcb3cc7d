"""`steelyard doctor`: which side is wrong, in words; gRPC itself says only that it could not connect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from clients.cli.invocation import open_profile
from clients.cli.options import Json
from clients.cli.output import emit, note
from steelyard.errors import Failed, SteelyardError

if TYPE_CHECKING:
    from clients.sdk.profile import Profile
    from steelyard.identity.homes import Home
    from steelyard.identity.inspection import Finding

MAX_SKEW: Final = 60.0  # seconds between this clock and the coordinator's


def doctor(*, json: Json = False) -> None:
    """Checks the profile's keys, certificates and manifest, then every connection, and explains what is wrong.

    Example: `steelyard doctor --profile d`
    """
    findings, errors = [], []
    for finding, error in _examine(open_profile()):
        findings.append(finding)
        errors += [error] if error else []
    emit(findings, json=json)
    if errors:
        worst = errors[0]
        text = f"{len(errors)} of {len(findings)} checks failed, first: {worst.message}"
        raise type(worst)(text, party=worst.party)
    note(f"All {len(findings)} checks passed.")


def _examine(profile: Profile) -> Iterator[tuple[Finding, SteelyardError | None]]:
    from steelyard.errors import Unauthenticated
    from steelyard.identity.inspection import inspect

    named = {"requester": profile.identity, **{f"owner of {name}": home for name, home in profile.owners.items()}}
    for name, home in named.items():
        if home is not None:
            for finding in inspect(home, name):
                yield (
                    finding,
                    None if finding.ok else Unauthenticated(f"{name}, {finding.check}: {finding.explanation}"),
                )
    if profile.identity is not None:
        yield from _coordinator(profile)
    for party, home in profile.owners.items():
        yield _checked(f"node of {party}", "connection", partial(_node, profile, party, home))


def _coordinator(profile: Profile) -> Iterator[tuple[Finding, SteelyardError | None]]:
    connection = _checked("coordinator", "connection", lambda: _dial(profile))
    yield connection
    if connection[1] is None:
        yield _checked("coordinator", "clock", lambda: _clock(profile))
        yield _checked("coordinator", "manifest and parties", lambda: _parties(profile))


def _checked(home: str, check: str, look: Callable[[], str]) -> tuple[Finding, SteelyardError | None]:
    from steelyard.identity.inspection import Finding

    try:
        return Finding(home=home, check=check, ok=True, explanation=look()), None
    except SteelyardError as error:
        return Finding(home=home, check=check, ok=False, explanation=f"{error.message}. {error.advice}"), error


def _dial(profile: Profile) -> str:
    from clients.sdk.desk import Desk
    from steelyard.rpc.tls import inspect

    desk = Desk(profile)
    inspect(desk.home.path, desk.coordinator)
    return f"{desk.coordinator.address} has the pinned key and accepts ours"


def _node(profile: Profile, party: str, home: Home) -> str:
    from clients.sdk.owner import Owner
    from steelyard.rpc.tls import inspect

    with Owner(profile, party) as owner:
        inspect(home.path, owner.node)
        owner.datasets()
        return f"{owner.node.address} has the pinned key, accepts ours and answers its owner"


def _clock(profile: Profile) -> str:
    """Nodes that answer were seen a moment ago by the coordinator's clock; ours should agree about now."""
    from clients.sdk.client import Client
    from clients.sdk.desk import Desk

    with Client(Desk(profile)) as client:
        seen = [each.seen_ms for each in client.parties() if each.reachable]
    if not seen:
        return "cannot be told while no party answers the coordinator"
    skew = time.time() - max(seen) / 1000
    if abs(skew) > MAX_SKEW:
        side = "ahead of" if skew > 0 else "behind"
        raise Failed(f"this machine's clock is {abs(skew):.0f} seconds {side} the coordinator's: expect refusals")
    return "agrees with the coordinator's"


def _parties(profile: Profile) -> str:
    from clients.sdk.client import Client
    from clients.sdk.desk import Desk

    desk = Desk(profile)
    with Client(desk) as client:
        parties = client.parties()
    away = [each for each in parties if not each.reachable]
    if away:
        problems = ", ".join(f"{each.id} ({each.problem})" for each in away)
        raise Failed(f"the coordinator does not reach {problems}", party=away[0].id)
    other = [each.id for each in parties if each.manifest and each.manifest != desk.membership.digest]
    if other:
        raise Failed(f"another version of the manifest is in use at {', '.join(other)}", party=other[0])
    return f"{len(parties)} parties answer, all with the manifest of this profile"
