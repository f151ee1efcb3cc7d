-- Datasets of this party.  The rows themselves are in a file of the blob folder.
CREATE TABLE dataset (
    name        TEXT PRIMARY KEY,
    blob        TEXT NOT NULL UNIQUE,     -- file name, random
    version     TEXT NOT NULL,            -- random 128 bits, named in input sets
    schema      TEXT NOT NULL,            -- JSON, the public description
    rows        INTEGER NOT NULL,
    imported_ms INTEGER NOT NULL
) STRICT;

-- Versions seen, so that the same rows always have the same version: importing back and forth makes no new release
-- possible that the ledger would have refused.  Outlives the dataset on purpose.
CREATE TABLE dataset_version (
    name    TEXT NOT NULL,
    content BLOB NOT NULL,                -- digest of columns and rows; never leaves this node
    version TEXT NOT NULL UNIQUE,
    PRIMARY KEY (name, content)
) STRICT;
