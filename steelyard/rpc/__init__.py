"""The only folder that knows gRPC: credentials, channels, servers, status codes, interceptors, wire forms.

It may import anything of the library below it; programs import it, the library does not.  Importing any module here
quiets gRPC's native logger (it writes into the middle of a terminal) and its fork handlers (we never fork after gRPC
started).
"""

import os

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
