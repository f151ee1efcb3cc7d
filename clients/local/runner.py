"""Starts, watches and ends the processes of a local consortium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from clients.local.layout import LocalConsortium, Program
from clients.local.prepare import Plan, loopback_plan, prepare, purge
from clients.sdk.deadlines import Deadline
from clients.sdk.profile import Profile
from steelyard.errors import Conflict, SteelyardError, TimedOut
from steelyard.identity.membership import Membership

START_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 10.0  # between SIGTERM and SIGKILL
_PAUSE: Final = 0.1
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Status:
    """One process; `pid` is None when it does not run, `healthy` says that it answers as SERVING."""

    name: str
    role: str
    pid: int | None
    running: bool
    healthy: bool
    address: str


def create(
    consortium: LocalConsortium,
    parties: Sequence[str],
    threshold: int,
    minimum_group: int | None = None,
    port_base: int | None = None,
) -> bool:
    """Makes the consortium unless it is there already; True when it was made.

    Raises Conflict when another one is there: other parties, another threshold or minimum group.
    """
    if not consortium.exists:
        plan: Plan = loopback_plan(parties, threshold, minimum_group, port_base)
        prepare(consortium, plan)
        return True
    local, membership = consortium.local(), _membership(consortium)
    group = membership.minimum_group if minimum_group is None else minimum_group
    if (local.parties, local.threshold, membership.minimum_group) != (tuple(parties), threshold, group):
        raise Conflict(
            f"the consortium in {consortium.root} has {len(local.parties)} parties ({', '.join(local.parties)}), "
            f"threshold {local.threshold} and minimum group {membership.minimum_group}: ask for these, or remove it "
            "with `steelyard local down --purge`"
        )
    return False


def up(consortium: LocalConsortium, report: Report) -> list[Status]:
    """Starts what does not run and waits until everything is healthy and connected.

    On failure the tail of the log goes to `report`, and whatever was started here is ended again.
    """
    started: list[Program] = []
    deadline = Deadline(START_SECONDS)
    try:
        for program in consortium.programs():
            if program.process.pid is None:
                started.append(program)
                program.process.start(program.arguments)
        _await_healthy(consortium, deadline)
        _await_connected(consortium, deadline)
    except BaseException as error:
        for program in _to_blame(error, started):
            report(f"--- the end of {program.process.log}\n{program.process.tail()}")
        stop(started)
        raise
    return status(consortium)


def start(consortium: LocalConsortium, name: str, report: Report) -> Status:
    """Starts one process and waits until it is healthy; nothing happens when it runs."""
    program = consortium.program(name)
    address = addresses(consortium)[name]
    if program.process.pid is None:
        program.process.start(program.arguments)
    try:
        _await(program, address, Deadline(START_SECONDS))
    except SteelyardError:
        report(f"--- the end of {program.process.log}\n{program.process.tail()}")
        raise
    return _status(program, address)


def kill(consortium: LocalConsortium, name: str) -> Status:
    """SIGKILL, as when a machine loses power; raises Conflict when it does not run."""
    program = consortium.program(name)
    if not program.process.kill():
        raise Conflict(f"{name} does not run; `steelyard local start {name}` starts it")
    program.process.gone(GRACE_SECONDS)
    return _status(program, addresses(consortium)[name])


def down(consortium: LocalConsortium, *, remove: bool = False) -> list[str]:
    """Ends every process; data stay unless `remove`.  The names of those that ran."""
    programs = [] if consortium.unfinished else consortium.programs()
    running = [each for each in programs if each.process.pid is not None]
    stop(running)
    if remove:
        purge(consortium)
    return [each.name for each in running]


def stop(programs: Iterable[Program]) -> None:
    """SIGTERM to all, SIGKILL to those that are still there after a grace."""
    ending = [each.process for each in programs if each.process.terminate()]
    end = time.monotonic() + GRACE_SECONDS
    for process in ending:
        if not process.gone(max(0.0, end - time.monotonic())):
            process.kill()
            process.gone(GRACE_SECONDS)


def status(consortium: LocalConsortium) -> list[Status]:
    """Every process, in the order of `programs`."""
    programs, where = consortium.programs(), addresses(consortium)
    with ThreadPoolExecutor(max_workers=len(programs)) as pool:
        return list(pool.map(lambda each: _status(each, where[each.name]), programs))


def addresses(consortium: LocalConsortium) -> dict[str, str]:
    """host:port of every process, by name."""
    membership = _membership(consortium)
    entry = membership.manifest.coordinator
    return {entry.id: entry.address} | {party: membership.address(party) for party in membership.parties}


def _membership(consortium: LocalConsortium) -> Membership:
    profile = Profile.open(consortium.root)
    return profile.membership(profile.requester)


def _status(program: Program, address: str) -> Status:
    pid = program.process.pid
    healthy = pid is not None and _healthy(program, address)
    return Status(program.name, str(program.role), pid, pid is not None, healthy, address)


def _healthy(program: Program, address: str) -> bool:
    from steelyard.rpc.probe import check

    try:
        check(address, program.home.path)
    except SteelyardError:
        return False
    return True


def _await_healthy(consortium: LocalConsortium, deadline: Deadline) -> None:
    programs, where = consortium.programs(), addresses(consortium)
    with ThreadPoolExecutor(max_workers=len(programs)) as pool:
        list(pool.map(lambda each: _await(each, where[each.name], deadline), programs))


def _await(program: Program, address: str, deadline: Deadline) -> None:
    while not _healthy(program, address):
        if program.process.pid is None:
            raise program.process.ending()
        if deadline.passed:
            raise TimedOut(f"{program.name} is not healthy after {deadline.seconds:g} seconds", party=program.name)
        time.sleep(_PAUSE)


def _await_connected(consortium: LocalConsortium, deadline: Deadline) -> None:
    """Until the coordinator reaches every node, so that the first computation does not come too early."""
    from clients.sdk.client import Client

    with Client.from_profile(consortium.root) as client:
        while missing := [each for each in client.parties() if not each.reachable]:
            if deadline.passed:
                problems = ", ".join(f"{each.id} ({each.problem})" for each in missing)
                raise TimedOut(f"the coordinator does not reach {problems}", party=missing[0].id)
            time.sleep(_PAUSE)


def _to_blame(error: BaseException, started: Sequence[Program]) -> Sequence[Program]:
    """Whose log to show: the party that the error names, or nobody's when a person interrupted."""
    if not isinstance(error, SteelyardError):
        return ()
    return [each for each in started if each.name == error.party]
