"""What people and programs use: `sdk`, a library; `cli`, the command `steelyard`; `local`, a consortium on a machine."""
