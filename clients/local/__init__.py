"""A whole consortium of operating-system processes on one machine, for demonstrations, tests and development.

Every organisation's keys lie in one directory here, which a real consortium never does.  Policies, certificates and
checks are those of a real one.

D/profile.toml            what `--profile D` reads        D/logs/NAME.log    what each process says
D/nodes/PARTY/            node.toml policy.toml state/    D/run/NAME.json    its process id and start time
D/coordinator/            coordinator.toml state/         and what `steelyard.identity.homes` describes
"""
