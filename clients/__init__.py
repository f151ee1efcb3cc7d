"""What people and programs use: `sdk`, a library; `cli`, the command `steelyard`; `local`, one machine's consortium."""
