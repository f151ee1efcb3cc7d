"""The command line: `steelyard`."""
