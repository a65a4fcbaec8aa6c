"""Tests of what a detector's outputs mean."""
