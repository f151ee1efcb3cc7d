-- What a stored sharing holds; the same in every epoch.
CREATE TABLE sharing (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    description BLOB NOT NULL             -- the document `stored-sharing`, exactly
) STRICT;
CREATE INDEX sharing_by_name ON sharing (name);

-- Where this node stands with it: epoch, certificates, votes.  Replaced in one transaction.
CREATE TABLE sharing_record (
    sharing     TEXT PRIMARY KEY,
    record      BLOB NOT NULL             -- steelyard.epochs.record.Record as JSON
) STRICT;

-- Attempts at changes; each is used once.
CREATE TABLE change_attempt (
    attempt     TEXT PRIMARY KEY
) STRICT;

-- Shares that are durable in the vault, by the change that made them.
CREATE TABLE share (
    sharing     TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    attempt     TEXT NOT NULL,
    digest      TEXT NOT NULL,            -- as the certificate has it
    length      INTEGER NOT NULL,         -- field elements
    PRIMARY KEY (sharing, epoch, attempt)
) STRICT;
