"""Whole studies that anybody can run on this machine. Where boards are simulated, no figure of them is one of a Pi."""
