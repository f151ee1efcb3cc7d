"""The library for requesters and owners.

    from clients.sdk import Client

    with Client.from_profile("d") as client:
        print(client.sum("accounts.balance").total)

`Client` blocks, `AsyncClient` awaits; both sign and open through the same `Desk`, which knows no network.  `Owner` is
for a party's own people.  Everything raised is a `steelyard.errors.SteelyardError`.
"""

from .aio import AsyncClient
from .client import Client
from .owner import Owner
from .profile import Profile
from .results import Computation, Group, Leak, Party, Result

__all__ = ["AsyncClient", "Client", "Computation", "Group", "Leak", "Owner", "Party", "Profile", "Result"]
