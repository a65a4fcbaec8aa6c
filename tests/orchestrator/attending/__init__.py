"""Tests of orchestrator.attending."""
