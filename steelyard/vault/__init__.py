"""Encryption at rest: one data key per unit, wrapped by a key that lies elsewhere; files of sealed frames.

`vault` is what others use; `provider` is what a key-encryption key (KEK) has to do; `frames` is the format of a file.
Destroying a wrapped key is the erasure: disks and backups keep old blocks, but nothing opens them any more.
"""
