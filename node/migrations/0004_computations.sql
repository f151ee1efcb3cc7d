-- Requests this node was asked about, what it said, and the sealed result it made.
CREATE TABLE computations (
    id          TEXT PRIMARY KEY,
    digest      TEXT NOT NULL,              -- of the signed request
    request     BLOB NOT NULL,              -- the signed request as received
    decision    TEXT NOT NULL CHECK (decision IN ('approved', 'pending', 'refused')),
    failure     BLOB,                       -- why it was refused
    received_ms INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    noise       BLOB NOT NULL,              -- key of the noise stream: the same noise at every attempt
    sealed      BLOB,                       -- note and certificate of the result
    ciphertext  BLOB                        -- the result, sealed to its requester
) STRICT;

CREATE INDEX computations_by_time ON computations (received_ms);
