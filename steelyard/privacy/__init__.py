"""Differential privacy: noise that nobody knows, because everybody adds a part of it."""
