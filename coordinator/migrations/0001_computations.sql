CREATE TABLE computations (
    id           TEXT PRIMARY KEY,
    requester    TEXT NOT NULL,
    request      BLOB NOT NULL,             -- steelyard.v1.SignedDocument, as the requester sent it
    state        TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    fixed        TEXT NOT NULL,             -- JSON list: who must take part from now on
    parties      TEXT NOT NULL,             -- JSON: party to [state, step]
    failure      BLOB                       -- steelyard.v1.Failure
) STRICT;
CREATE INDEX computations_of_requester ON computations (requester, created_ms DESC, id DESC);
CREATE INDEX computations_by_state ON computations (state, updated_ms);

CREATE TABLE results (
    computation  TEXT NOT NULL REFERENCES computations (id) ON DELETE CASCADE,
    party        TEXT NOT NULL,
    head         BLOB NOT NULL,             -- steelyard.v1.ResultChunk without ciphertext: note and certificate
    ciphertext   BLOB NOT NULL,             -- sealed to the requester
    PRIMARY KEY (computation, party)
) STRICT;

CREATE TABLE events (
    computation  TEXT NOT NULL REFERENCES computations (id) ON DELETE CASCADE,
    time_ms      INTEGER NOT NULL,
    state        TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_computation ON events (computation);

CREATE TABLE parties (
    party        TEXT PRIMARY KEY,
    seen_ms      INTEGER NOT NULL,
    description  BLOB NOT NULL              -- steelyard.v1.DescribeResponse
) STRICT;
