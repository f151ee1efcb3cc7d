"""Protocols: one file each, each a generator of rounds.  May import sharing, documents and below; never I/O."""
