"""The documentation is true: what it names exists, what it shows works, its tables are those of the code."""
