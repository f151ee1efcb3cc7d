"""Secrets in parts: k of n open them, k-1 say nothing.

shamir         share and reconstruct vectors over GF(2^61-1)
attempt_keys   the short-lived pairwise keys under which shares are expanded
seeded         dealing in which k-1 receivers expand their share from a key, so that only n-k vectors are sent
combination    random linear combinations, the fingerprint by which vectors are checked
reed_solomon   which of the values on a polynomial are wrong
robust         opening in spite of lying holders

May import field and below; knows no network, no file, no clock.
"""
