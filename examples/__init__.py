"""Whole studies that anybody can run on this machine. Their boards are simulated: no figure of them is one of a Pi."""
