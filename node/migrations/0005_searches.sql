-- Releases of one bit about a secret, which are counted: asked again with other limits they close in on it.
ALTER TABLE release ADD COLUMN searches INTEGER NOT NULL DEFAULT 0 CHECK (searches IN (0, 1));
-- Releases about single parties' parts, which do not go together with totals over the same data.
ALTER TABLE release ADD COLUMN parts INTEGER NOT NULL DEFAULT 0 CHECK (parts IN (0, 1));
