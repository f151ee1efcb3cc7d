-- The sealing keys that this node has published.  The private ones are in the vault, as long as they are needed.
CREATE TABLE sealing_key (
    number   INTEGER PRIMARY KEY CHECK (number >= 1),
    document BLOB NOT NULL                 -- the signed document `sealing-key`
) STRICT;

-- Which key each waiting contribution is sealed to; 0 is the manifest's.
ALTER TABLE contribution ADD COLUMN sealing_key INTEGER NOT NULL DEFAULT 0;
