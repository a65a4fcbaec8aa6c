"""Reads the pages that people read: their text, commands, paths, names and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("agent", "orchestrator", "dashboard", "docs", "tests", "scripts", "benchmarks")
_FOLDER = "|".join(FOLDERS)
_FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")
_IN_BLOCK = re.compile(r"(?m)(?:^|\s)(pifarm(?: [^\s|;&#()]+)+)")
_PROMPTED = re.compile(r"(?m)^ *\$ (.*)$")
_INLINE = re.compile(r"`(pifarm [^`]+)`")
_PATH = re.compile(rf"(?<![\w/.~-])(?:{_FOLDER})/[\w./-]*\w")
_SIBLINGS = re.compile(rf"((?:{_FOLDER})(?:/\w+)*)/\w+\.py((?:, \w+\.py)+)")
_DOTTED = re.compile(r"`((?:agent|orchestrator|dashboard)(?:\.\w+)+)`")
_MEMBERS = (
    re.compile(r"`(?P<member>\w+)` in `(?P<path>[\w/]+\.py)`"),
    re.compile(r"`(?P<path>[\w/]+\.py)`, `(?P<member>\w+)`"),
)
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"(?m)^#+ (.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of Markdown."""

    name: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Each `pifarm ...` that is shown; in a block it ends where two spaces or a shell's sign come.

        In a block with prompts (``$ ``) the lines without one are output.
        """
        blocks = [_PROMPTED.findall(block) or [block] for block in _FENCED.findall(self.text)]
        shown = [found for lines in blocks for found in _IN_BLOCK.findall("\n".join(lines))]
        return shown + _INLINE.findall(_FENCED.sub("", self.text))

    @property
    def paths(self) -> set[str]:
        """Each file or folder of this repository that is named, also the second one of `agent/start.py, claim.py`."""
        beside = {
            f"{folder}/{name}"
            for folder, names in _SIBLINGS.findall(self.text)
            for name in names.removeprefix(", ").split(", ")
        }
        return beside | set(_PATH.findall(self.text))

    @property
    def dotted_names(self) -> set[str]:
        """Each module, or thing in a module, that is named with dots."""
        return set(_DOTTED.findall(self.text))

    @property
    def members(self) -> set[tuple[str, str]]:
        """Each (file, function or class in it) that is named together."""
        return {(found["path"], found["member"]) for pattern in _MEMBERS for found in pattern.finditer(self.text)}

    @property
    def links(self) -> list[str]:
        """Each link that is not to another site."""
        return [link for link in _LINK.findall(self.text) if "://" not in link]

    @property
    def anchors(self) -> set[str]:
        """What a link may point to in this page."""
        return {
            re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in _HEADING.findall(self.text)
        }

    def table_below(self, heading: str) -> Iterator[list[str]]:
        """The rows of the first table below a heading, without its head; each a list of cells."""
        part = self.text[self.text.index(f"{heading}\n") :]
        lines = re.search(r"(?m)(?:^\|.*\n)+", part)
        assert lines is not None, f"{self.name}: no table below {heading!r}"
        for line in lines[0].splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def read_pages() -> list[Page]:
    """The README, where there is one, and every page of docs."""
    files = [file for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if file.exists()]
    return [Page(name=file.relative_to(ROOT).as_posix(), text=file.read_text(encoding="utf-8")) for file in files]


def read_page(name: str) -> Page:
    """The page of a path such as ``docs/wire.md``."""
    return next(page for page in read_pages() if page.name == name)
