"""Tests of orchestrator.figures."""
