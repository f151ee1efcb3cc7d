"""How nodes decide together that a stored sharing changes, so that no crash, relay or two-faced voter loses a value.

Pure: documents, certificates, the vote machine of a node, the plan of the coordinator.  Nothing in here can open a
share, read a clock or touch a disk; docs/guarantees.md says what it takes for what.
"""
