-- What this node voted against under an attempt, so that it can always say so again; empty where it did not.
ALTER TABLE change_attempt ADD COLUMN refused TEXT NOT NULL DEFAULT '';   -- digest of the change
