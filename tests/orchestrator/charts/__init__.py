"""Tests of orchestrator.charts."""
