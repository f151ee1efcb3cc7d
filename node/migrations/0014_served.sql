-- Calls that have been computed, by the name that answers to them are held as, and by which computation.
CREATE TABLE served (
    dataset TEXT PRIMARY KEY,
    run     TEXT NOT NULL
) STRICT;
