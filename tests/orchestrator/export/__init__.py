"""Tests of orchestrator.export."""
