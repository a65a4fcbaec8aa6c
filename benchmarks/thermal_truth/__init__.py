"""The thermal analysis against simulated soaks whose truth is known."""
