"""Farms that infer on this machine, whose lock they would take from each other: one worker runs all of these files."""
