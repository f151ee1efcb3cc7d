-- Contributions that a round has cleared for good, and by which computation: no other may be declared final over them.
CREATE TABLE final (
    contribution TEXT PRIMARY KEY,
    run          TEXT NOT NULL
) STRICT;
