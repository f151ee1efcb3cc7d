"""One party: holds its own data, its keys, its owner's policy, ledger and audit log; decides for itself.

`app` wires it, `service` and `owner` are its methods, `consent` says yes or no, `engine` runs what was approved, and
`books` is what it keeps.  May import the library; not `coordinator` and not `clients`.
"""

import steelyard.rpc  # noqa: F401  before anything imports grpc, which reads its settings then
