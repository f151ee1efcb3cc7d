-- Contributors this node has taken something from: one sponsor and one key at a time.
CREATE TABLE contributor (
    id            TEXT PRIMARY KEY,
    sponsor       TEXT NOT NULL,
    signing       TEXT NOT NULL,
    registered_ms INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL
) STRICT;

-- The newest contribution of each to each dataset.  The row stays when its share goes, so that none older is taken.
CREATE TABLE contribution (
    contributor  TEXT NOT NULL REFERENCES contributor (id),
    dataset      TEXT NOT NULL,
    id           TEXT NOT NULL UNIQUE,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    registration BLOB NOT NULL,             -- steelyard.v1.SignedDocument, signed by the sponsor
    header       BLOB NOT NULL,             -- steelyard.v1.SignedDocument, signed by the contributor
    held         INTEGER NOT NULL CHECK (held IN (0, 1)),  -- whether the share is here
    size         INTEGER NOT NULL,          -- bytes of ciphertext
    ciphertext   BLOB,                      -- sealed to this node
    file         TEXT,                      -- where it lies instead, when it is large
    PRIMARY KEY (contributor, dataset)
) STRICT;
CREATE INDEX contribution_of_dataset ON contribution (dataset, contributor) WHERE held = 1;
