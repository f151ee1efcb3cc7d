"""One party: holds its own data, its shares, its keys and its owner's policy; decides for itself."""

import steelyard.rpc  # noqa: F401  before anything imports grpc, which reads its settings then
