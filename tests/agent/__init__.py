"""Tests of the agent: pure rules, files under an injected root, and the real agent as processes of its own."""
