"""Tests of orchestrator.queries."""
