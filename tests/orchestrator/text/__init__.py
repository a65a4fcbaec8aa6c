"""Tests of orchestrator.text."""
