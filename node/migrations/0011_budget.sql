-- What a release with a delta costs: a Rényi curve, one 8-byte float for each of steelyard.privacy.renyi.ORDERS; and the
-- delta it was asked for.  Without a curve it is epsilon alone.
ALTER TABLE release ADD COLUMN curve BLOB NOT NULL DEFAULT x'';
ALTER TABLE release ADD COLUMN delta REAL NOT NULL DEFAULT 0 CHECK (delta >= 0 AND delta < 1);
