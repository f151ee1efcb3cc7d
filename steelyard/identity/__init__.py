"""Who is who: keys, certificates, the verified manifest, and how a party joins.

A name is proven twice: a certificate of the consortium's authority carries it as a URI, and the manifest, signed by
every organisation, pins the key behind it.  Neither alone is enough.

May import documents and below; not sharing, not rpc.
"""
