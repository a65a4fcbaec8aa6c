"""The rules of a verdict: each is one small function of the facts and a threshold, listed in `table`.

A rule says nothing about what was not read; `sensor-missing` says that. Codes are stored with runs and stay.
"""
