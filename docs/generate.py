"""Writes the tables of the documentation from the code that they describe.

A page marks the place of a table by two comments on lines of their own, ``<!-- table: NAME -->`` and ``<!-- end -->``.
What lies between them belongs to this module; everything else on a page is written by hand. Run ``python -m
docs.generate`` in the repository's root after a change of what is described; tests/docs fails until that was done.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from docs.tables import TABLES

FOLDER = Path(__file__).parent
_MARKED = re.compile(r"(?ms)^<!-- table: (?P<name>[a-z-]+) -->\n(?P<body>.*?)^<!-- end -->$")
_MARK = re.compile(r"(?m)^<!-- (table: .*|end) -->$")


def render(text: str, tables: Mapping[str, str]) -> str:
    """The page with each marked place filled; raises `ValueError` for a mark without an end or without a table."""
    if len(_MARK.findall(text)) != 2 * len(_MARKED.findall(text)):
        raise ValueError("each <!-- table: NAME --> needs its own <!-- end -->")

    def fill(place: re.Match[str]) -> str:
        name = place["name"]
        if name not in tables:
            raise ValueError(f"table {name!r}: expected one of {', '.join(sorted(tables))}")
        return f"<!-- table: {name} -->\n{tables[name]}\n<!-- end -->"

    return _MARKED.sub(fill, text)


def pages() -> list[Path]:
    """The pages of the documentation, in order of name."""
    return sorted(FOLDER.glob("*.md"))


def all_tables() -> dict[str, str]:
    """Every table by its name, made now."""
    return {name: make() for name, make in TABLES.items()}


def main() -> None:
    """Fill every page and name those that changed."""
    tables = all_tables()
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = render(before, tables)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"docs/{page.name}: written\n")


if __name__ == "__main__":
    main()
