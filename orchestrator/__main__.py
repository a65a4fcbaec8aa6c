"""`python -m orchestrator`: the same as the `pifarm` command."""

from orchestrator.cli import main

main()
