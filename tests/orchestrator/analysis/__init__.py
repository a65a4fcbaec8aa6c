"""Tests of orchestrator.analysis."""
