"""Approximate arithmetic on encrypted numbers (CKKS) without anybody who holds the key.

Key generation, encryption and decryption are arithmetic on arrays of residues and live here; multiplication of
ciphertexts is SEAL's, behind `scheme`, in a process of its own (`worker`).
"""
