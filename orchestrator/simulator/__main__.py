"""``python -m orchestrator.simulator``: the child of `orchestrator.simulator.process`."""

from orchestrator.simulator.process import serve_standard_streams

if __name__ == "__main__":
    serve_standard_streams()
