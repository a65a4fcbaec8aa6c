"""The compose file and the Dockerfile are right, as far as that can be said without an engine."""
