"""The coordinator: schedules computations, relays sealed bytes, records states and timings.

It opens nothing and could not: an import-linter contract keeps it from importing anything that handles shares or
values. It decides nothing about privacy either; what it checks, it checks to turn junk away early, and every node
checks again.
"""

import steelyard.rpc  # noqa: F401  # quiets gRPC, which reads its settings when it is first imported
