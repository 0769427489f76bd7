"""A gallery in one SQLite file: how it is made, opened, locked and written, and what SQLite says of it."""
