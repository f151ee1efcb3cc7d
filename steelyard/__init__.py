"""The library: fields, sharing, protocols, functions; importable without gRPC, which only `rpc` knows.

What may import what is enforced by import-linter (`pyproject.toml`): programs -> rpc -> functions -> protocols ->
sharing, privacy, identity -> field, tables, documents -> errors.  This file imports nothing, so that each part can be
had alone.
"""

__version__ = "0.1.0"
