-- Whose store this is, and how often it changed: an older copy of it is told by a mark that lies elsewhere.
CREATE TABLE vault (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    node       TEXT NOT NULL,
    store      TEXT NOT NULL,             -- random 128 bits
    generation INTEGER NOT NULL
) STRICT;

-- One data key per unit.  Deleting a row erases what is sealed under it.
CREATE TABLE vault_key (
    id          TEXT PRIMARY KEY,         -- random 128 bits; the names of the unit's files begin with it
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     TEXT NOT NULL,
    codec       TEXT NOT NULL,            -- fernet or aes-gcm
    key_version TEXT NOT NULL,            -- of the key-encryption key
    wrapped     BLOB NOT NULL,
    check_value BLOB NOT NULL,            -- of the data key
    UNIQUE (kind, name, version)
) STRICT;

CREATE INDEX vault_key_by_version ON vault_key (key_version);
