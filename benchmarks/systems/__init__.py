"""Who can be measured: each opens a job as a contestant, with one process per party on the loopback."""
