"""The search for the highest rate against simulated boards whose highest rate is known."""
