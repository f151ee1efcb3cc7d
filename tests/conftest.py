"""What all tests share: gRPC reads its settings when it is first imported, so ours come first."""

import steelyard.rpc  # noqa: F401
