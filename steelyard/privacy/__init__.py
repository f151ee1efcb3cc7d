"""What results say about single parties or rows: noise that nobody knows, because everybody adds a part of it, and the
rule against differencing.

Pure mathematics: may import errors and randomness; no clock, no disk, no network.
"""
