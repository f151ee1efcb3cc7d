"""`Joiner`: who wants to be in the manifest; `Entry`: what it adds, before the manifest gives it an evaluation
point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from steelyard.documents.manifest import CoordinatorEntry, Hex32, Name, Node, Organisation, Requester
from steelyard.errors import Invalid
from steelyard.identity.addresses import hosts_of
from steelyard.identity.certificates import Role
from steelyard.ids import party_id

JoinerRole = Literal["node", "requester", "coordinator"]  # an owner joins with its node
_OptionalHex32 = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
_OptionalName = Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9]*(-[a-z0-9]+)*)?\Z", max_length=40)]


@dataclass(frozen=True)
class Joiner:
    """A name and role that wants keys and certificates; raises Invalid unless it has what its role needs.

    `address` is host:port of a node or the coordinator, `hosts` are further names it is called by; `organisation` is
    whom a requester belongs to (a node belongs to the organisation of its own name).
    """

    role: JoinerRole
    id: str
    address: str = ""
    organisation: str = ""
    hosts: Sequence[str] = ()

    def __post_init__(self) -> None:
        party_id(self.id)
        if self.role == "requester":
            party_id(self.organisation)
            if self.address or self.hosts:
                raise Invalid("a requester has no address: nobody connects to it")
        else:
            hosts_of(self.address, self.hosts)
            if self.organisation not in ("", self.id):
                raise Invalid(f"the {self.role} {self.id} does not belong to another organisation")

    @property
    def called(self) -> tuple[str, ...]:
        """Every host name that its certificate carries."""
        return hosts_of(self.address, self.hosts) if self.address else ()

    @property
    def roles(self) -> tuple[Role, ...]:
        """The certificates it gets: a node's owner joins with the node."""
        return roles_of(self.role)


def roles_of(role: JoinerRole) -> tuple[Role, ...]:
    """The roles in which somebody that joins as `role` gets a certificate; its own first."""
    return (Role.NODE, Role.OWNER) if role == "node" else (Role(role),)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Public keys, pins and the address of a node, a requester or the coordinator; what a role lacks stays empty."""

    role: JoinerRole
    id: Name
    tls: Hex32  # pin of the certificate's key
    organisation: _OptionalName = ""
    organisation_key: _OptionalHex32 = ""  # of a node: the key that signs manifests
    address: str = ""
    owner_tls: _OptionalHex32 = ""
    signing: _OptionalHex32 = ""
    sealing: _OptionalHex32 = ""

    def as_organisation(self) -> Organisation:
        return Organisation(id=self.organisation, key=self._filled(self.organisation_key))

    def as_node(self, point: int) -> Node:
        return Node(
            party=self.id,
            point=point,
            address=self._filled(self.address),
            tls=self.tls,
            signing=self._filled(self.signing),
            sealing=self._filled(self.sealing),
            owner_tls=self._filled(self.owner_tls),
        )

    def as_requester(self) -> Requester:
        return Requester(
            id=self.id,
            organisation=self._filled(self.organisation),
            tls=self.tls,
            signing=self._filled(self.signing),
            sealing=self._filled(self.sealing),
        )

    def as_coordinator(self) -> CoordinatorEntry:
        return CoordinatorEntry(id=self.id, address=self._filled(self.address), tls=self.tls)

    def check(self) -> None:
        """Raises Invalid unless everything that the role needs is there."""
        if self.role == "node":
            if self.organisation != self.id:
                raise Invalid(f"the node of {self.id} belongs to the organisation of the same name")
            self.as_organisation()
            self.as_node(point=1)
        elif self.role == "requester":
            self.as_requester()
        else:
            self.as_coordinator()

    def _filled(self, value: str) -> str:
        if not value:
            raise Invalid(f"the entry of the {self.role} {self.id} is not complete")
        return value
