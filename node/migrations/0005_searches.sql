-- Releases of one bit about a secret, which are counted: asked again with other limits they close in on it.
ALTER TABLE release ADD COLUMN searches INTEGER NOT NULL DEFAULT 0 CHECK (searches IN (0, 1));
