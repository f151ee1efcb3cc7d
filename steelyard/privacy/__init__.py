"""What results say about single parties or rows: noise that nobody knows, because everybody adds a part of it, the
rule against differencing, and an owner's policy.

Pure mathematics: may import errors and randomness; no clock, no disk, no network.
"""
