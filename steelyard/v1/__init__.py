"""Generated from protos/steelyard/v1 by scripts/gen_protos.py; do not edit.  Imported by rpc and the programs only."""
