-- Shares that were erased, until a new key-encryption key makes every earlier copy of their keys worthless.
CREATE TABLE erasure (
    number      INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;

-- Sharings that were erased for good: nothing is made anew under their ids any more.
CREATE TABLE forgotten (
    sharing     TEXT PRIMARY KEY
) STRICT;

-- Upkeep that this node has signed once: which sharing it was of.
CREATE TABLE upkeep (
    computation TEXT PRIMARY KEY,
    digest      TEXT NOT NULL             -- of the input set, without what changes from attempt to attempt
) STRICT;
