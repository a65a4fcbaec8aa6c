"""The shared vocabulary of board and orchestrator: specs go out, records come back. Standard library only.

Wire format, by version:

1   A request is one JSON object on the agent's standard input, an answer one JSON object on a line of its own on its
    standard output. A journal line is ``CRC JSON\\n``: eight hexadecimal digits of the CRC-32 of the JSON's bytes, a
    space, and ``{"seq": n, "kind": "...", "body": {...}}`` with seq counting from 0 without gaps. Times are integer
    nanoseconds of the board's monotonic clock since the attempt was claimed.
2   Gates tell the fitted idle temperature, its error, time constant and forecast; windows may have segments and a pace;
    telemetry has an ambient temperature; the import has a time of its own. What version 1 does not have is as when left
    out.
3   A board may idle before its window and cool after it, in phases `idle` and `cooling`; the inferences of a sustained
    window come while it lasts, in several chunks.
4   Inferences come packed, in records of kind `packed`, those of a sustained run in units of up to 128 ns. A sweep has
    a ramp and tells at its end how far it came. A run may be profiled after its window, in a record of kind `profile`.
5   A run may answer a data set in place of warm-up and window, in a phase `evaluating` and records of kind `predicted`;
    a status tells how far it has come.

A reader accepts every version up to its own; `tests/golden/` holds a journal of each.
"""

WIRE_VERSION = 5
