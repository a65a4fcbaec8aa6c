"""The file of results: JSON lines, so that hours of measuring survive an interruption.

Lines are of three kinds: `session`, `truth` and `measured`; those of the last two name their session by its number.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.repeatability.truth import Line, read_rounds, unsteady_sessions


class Results:
    """The file of lines.

    Lifecycle: opened once, which makes its folder; each `add` is on the disk when it returns. A torn last line goes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        self.lines: list[Line] = [line for line in map(_parse, text.splitlines()) if line]
        if text and not text.endswith("\n"):
            path.write_text(text[: text.rfind("\n") + 1])

    def add(self, line: Line) -> None:
        """Append a line."""
        self.lines.append(line)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()

    def add_of_session(self, line: Line) -> None:
        """Append a line of the newest session."""
        self.add(line | {"session": self._sessions() - 1})

    def measured(self) -> list[Line]:
        """What has been measured."""
        return [line for line in self.lines if line["kind"] == "measured"]

    def is_unsteady(self, rounds: Sequence[Line] = ()) -> bool:
        """Whether the machine is in the newest session, or would be in a next one that began with these rounds."""
        session = self._sessions() - (not rounds)
        return session in unsteady_sessions(
            read_rounds([*self.lines, *(line | {"session": session} for line in rounds)])
        )

    def done(self) -> set[tuple[int, int, str, str]]:
        """The keys of what need not be measured again: it did not fail, and the machine was steady."""
        unsteady = unsteady_sessions(read_rounds(self.lines))
        done = [line for line in self.measured() if "failed" not in line and line["session"] not in unsteady]
        return {(line["seed"], line["repeat"], line["load"], line["method"]) for line in done}

    def _sessions(self) -> int:
        return [line["kind"] for line in self.lines].count("session")


def _parse(text: str) -> Line | None:
    try:
        line: Line = json.loads(text)
    except ValueError:
        return None
    return line
