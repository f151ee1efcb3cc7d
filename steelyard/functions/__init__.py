"""What a requester can ask for, composed of protocols: arguments, protocol, leakage statement, opening of the result.

`total` is the protocol behind sum, count and mean.  May import protocols, sharing, identity, tables and below; never
rpc, never I/O.
"""
