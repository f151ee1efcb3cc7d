-- Contributions of parties without a node, until the nodes have taken them.
CREATE TABLE contributions (
    id           TEXT PRIMARY KEY,
    sponsor      TEXT NOT NULL,
    contributor  TEXT NOT NULL,
    registration BLOB NOT NULL,             -- steelyard.v1.SignedDocument, signed by the sponsor
    header       BLOB NOT NULL,             -- steelyard.v1.SignedDocument, signed by the contributor
    received_ms  INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX contributions_of_sponsor ON contributions (sponsor, received_ms DESC, id DESC);
CREATE INDEX contributions_of_contributor ON contributions (contributor, expires_ms);

CREATE TABLE deliveries (
    contribution TEXT NOT NULL REFERENCES contributions (id) ON DELETE CASCADE,
    party        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'refused', 'expired')),
    failure      BLOB,                      -- steelyard.v1.Failure: why the node refused
    size         INTEGER NOT NULL,          -- bytes of ciphertext that lie here
    ciphertext   BLOB,                      -- sealed to the node; gone once it is no longer waiting
    file         TEXT,                      -- where it lies instead, when it is large
    PRIMARY KEY (contribution, party)
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (party) WHERE state = 'waiting';
