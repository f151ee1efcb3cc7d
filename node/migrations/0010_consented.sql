-- Releases of figures of single parties by the consent of each: nothing is differenced with them.
ALTER TABLE release ADD COLUMN consented INTEGER NOT NULL DEFAULT 0 CHECK (consented IN (0, 1));
