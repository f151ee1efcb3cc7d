"""The library: fields, sharing, protocols, functions; importable without gRPC.

What may import what is enforced by import-linter (`pyproject.toml`):
programs -> rpc -> functions -> protocols -> sharing -> fields.
"""

__version__ = "0.1.0"
