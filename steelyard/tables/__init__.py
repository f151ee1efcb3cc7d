"""Tables at their owner: what a dataset's columns are, how a file becomes one, which rows a request selects.

`schema`, `terms` and `filter` need no polars, so that a client can check a request before sending it; `reader` and
`predicate` do the work at the owner.  Nothing here talks to a network or keeps
anything on disk.  May import errors and ids only.
"""
