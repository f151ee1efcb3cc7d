-- What was released, for the rules against differencing and for the privacy budget.  Rows are never changed or deleted:
-- a computation may enter one input set ever, and a longer period set later must find the older releases.
CREATE TABLE release (
    sequence    INTEGER PRIMARY KEY,
    computation TEXT NOT NULL UNIQUE,
    digest      TEXT NOT NULL,            -- of the input set
    entered_ms  INTEGER NOT NULL,
    dataset     TEXT NOT NULL,
    field       TEXT NOT NULL,            -- the column
    function    TEXT NOT NULL,
    requester   TEXT NOT NULL,
    filter      TEXT NOT NULL,            -- normal form
    epsilon     REAL NOT NULL CHECK (epsilon >= 0),
    inputs      TEXT NOT NULL             -- JSON: [[party, data version], ...], sorted
) STRICT;

CREATE INDEX release_of_dataset ON release (dataset, entered_ms, epsilon, inputs);

CREATE TRIGGER release_is_never_changed BEFORE UPDATE ON release
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER release_is_never_deleted BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
