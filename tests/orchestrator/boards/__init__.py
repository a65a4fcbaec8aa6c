"""Tests of orchestrator.boards."""
