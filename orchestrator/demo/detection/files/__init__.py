"""The demo's trained detectors, their task file and their scores, written by ``python -m training.train``."""
