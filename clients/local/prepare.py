"""Makes everything that a consortium on one machine needs, and starts nothing."""

from __future__ import annotations

import ipaddress
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from clients.local.layout import COORDINATOR, REQUESTER, LocalConsortium
from clients.local.ports import HOST, consecutive_ports, free_ports
from clients.sdk.profile import FILE
from steelyard.errors import Conflict, Invalid, NotFound
from steelyard.identity import addresses, files
from steelyard.identity.local import make_local_consortium
from steelyard.identity.membership import MAX_NODES
from steelyard.ids import party_id
from steelyard.privacy.policy import permissive

DAYS: Final = 365  # a local profile has nobody who renews
_CONSORTIUM: Final = "local"
_MADE: Final = (
    *("ca", "contributors", "coordinator", "entries", "logs", "nodes", "organisations", "owners", "requesters", "run"),
    *("manifest.json", "pin", FILE),
)


@dataclass(frozen=True)
class Plan:
    """Who takes part and where they listen; the default minimum group is `drafts.default_minimum_group`."""

    parties: tuple[str, ...]
    threshold: int
    coordinator: str
    nodes: Mapping[str, str]
    minimum_group: int | None = None


def party_names(text: str) -> tuple[str, ...]:
    """`4` means bank-a to bank-d; otherwise names with commas between.  Raises Invalid."""
    if text.isascii() and text.isdecimal():
        count = int(text[:3])
        if not 2 <= count <= min(26, MAX_NODES):
            raise Invalid("a consortium has 2 to 26 numbered parties; name them to have more")
        return tuple(f"bank-{chr(ord('a') + number)}" for number in range(count))
    names = tuple(party_id(each.strip()) for each in text.split(","))
    if len(set(names)) != len(names) or COORDINATOR in names:
        raise Invalid(f"parties have different names, and none is called {COORDINATOR}")
    return names


def loopback_plan(
    parties: Sequence[str], threshold: int, minimum_group: int | None = None, port_base: int | None = None
) -> Plan:
    """Everybody on 127.0.0.1: the coordinator on `port_base`, the nodes after it, or all on free ports."""
    count = len(parties) + 1
    ports = free_ports(count) if port_base is None else consecutive_ports(port_base, count)
    first, *others = (f"{HOST}:{port}" for port in ports)
    return Plan(tuple(parties), threshold, first, dict(zip(parties, others, strict=True)), minimum_group)


def prepare(consortium: LocalConsortium, plan: Plan) -> None:
    """Keys, certificates, manifest, configuration, policies and, last, the profile.

    Raises Conflict when something is there already, Invalid for a plan that breaks a rule; then nothing is left behind.
    """
    taken = [name for name in _MADE if name != "run" and (consortium.root / name).exists()]
    if taken:
        advice = "`steelyard local down --purge` removes it" if consortium.mark.exists() else "choose another directory"
        raise Conflict(f"there is a {taken[0]} in {consortium.root} already: {advice}")
    try:
        consortium.root.mkdir(parents=True, exist_ok=True)
        consortium.mark.touch()
        _make(consortium, plan)
    except BaseException:
        purge(consortium)
        raise


def purge(consortium: LocalConsortium) -> None:
    """Removes what `prepare` and the processes made, and the directory when nothing else is in it.

    Raises NotFound when nothing here carries our mark: a real authority's keys have the same names.
    """
    if not consortium.mark.exists():
        raise NotFound(f"nothing in {consortium.root} was made by steelyard local")
    for name in _MADE:
        path = consortium.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    consortium.mark.unlink()
    if consortium.root.exists() and not any(consortium.root.iterdir()):
        consortium.root.rmdir()


def _make(consortium: LocalConsortium, plan: Plan) -> None:
    membership = make_local_consortium(
        consortium.root,
        plan.parties,
        plan.threshold,
        plan.nodes,
        plan.coordinator,
        requester=REQUESTER,
        consortium=_CONSORTIUM,
        minimum_group=plan.minimum_group,
        hosts=("localhost", HOST),
        days=DAYS,
    )
    policy = msgspec.structs.replace(permissive([REQUESTER]), minimum_group=membership.minimum_group)
    for party in plan.parties:
        home = consortium.layout.root / "nodes" / party
        files.replace(home / "policy.toml", policy.to_toml().encode())
        _write(home / "node.toml", _node(party, plan.nodes[party]))
    _write(consortium.root / "coordinator" / "coordinator.toml", _server(plan.coordinator))
    _write(consortium.root / FILE, _profile(plan))


def _node(party: str, address: str) -> str:
    return f'party = {json.dumps(party)}\n{_server(address)}policy = "policy.toml"\n'


def _server(address: str) -> str:
    return f'identity = "."\nstate = "state"\nlisten = {json.dumps(_listen(address))}\n'


def _listen(address: str) -> str:
    """Loopback addresses are listened on as they are, others from everywhere: a container's name is not its address."""
    host, port = addresses.split(address)
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return address if loopback else f"0.0.0.0:{port}"


def _profile(plan: Plan) -> str:
    owners = "".join(f'{party} = "owners/{party}"\n' for party in plan.parties)
    return (
        f'consortium = "{_CONSORTIUM}"\nidentity = "requesters/{REQUESTER}"\n\n[owners]\n{owners}\n'
        f"[local]\nparties = {json.dumps(plan.parties)}\nthreshold = {plan.threshold}\n"
    )


def _write(path: Path, text: str) -> None:
    files.replace(path, text.encode())
