"""The agent: runs on the board, measures one run, and writes its journal."""
