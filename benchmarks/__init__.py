"""What README and docs claim about speed: each claim a command that prints ours and the reference in one run.

``python -m benchmarks.NAME`` measures one, ``python -m benchmarks`` all in turn. A benchmark is a user of the farm like
any other: it goes through the same doors, in a state home of its own, and leaves nothing behind. README.md beside this
says what each measures, how, and against which target.
"""
