"""Tests of the command line, through `main` and its border of errors."""
