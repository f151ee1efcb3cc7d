-- Among whom one firm's place was told: another choice around the same firm would single out who is in only one of them.
ALTER TABLE release ADD COLUMN among TEXT NOT NULL DEFAULT '';
