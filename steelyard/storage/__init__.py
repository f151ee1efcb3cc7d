"""What a program keeps on disk: rows in one SQLite database with numbered migrations, and files that are whole.

May import errors and randomness only; knows nothing of what is stored.
"""
