"""Protocols: one file each, each a generator of rounds whose header says what it assumes, costs and reveals.

docs/protocols.md is made of these headers.  May import sharing, documents and below; never I/O.
"""
