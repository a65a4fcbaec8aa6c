"""Faults at random points of many runs, and an independent count of what they cost."""
