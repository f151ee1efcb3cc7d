"""Measures this project against its floors and its peers, in the same run on the same machine.

    python -m benchmarks run sum --parties 3 --threshold 2 --size 10000 --json
    python -m benchmarks all

A *job* (`jobs/`) says what is computed and how a result is checked; a *system* (`systems/`) does it in processes of its
own; `measure` alternates between systems; `floors` says what is good enough.  docs/benchmarks.md explains the figures.
"""
