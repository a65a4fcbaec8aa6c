"""The tables on the pages are those that the code gives now."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.spec import Inputs, Scalar
from docs.generate import all_tables, render
from docs.markdown import fields_of, sentence, table, type_text
from docs.tables import TABLES
from tests.docs.pages import Page, read_pages

TWO = {"one": "| a |\n| --- |", "two": "plain"}


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    return all_tables()


@pytest.mark.parametrize("page", read_pages(), ids=lambda page: page.name)
def test_the_page_shows_what_the_code_says(page: Page, tables: dict[str, str]) -> None:
    assert page.text == render(page.text, tables), "run: python -m docs.generate"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_on_some_page(name: str) -> None:
    assert any(f"<!-- table: {name} -->\n" in page.text for page in read_pages())


def test_a_marked_place_is_filled_and_the_rest_stays() -> None:
    before = "above\n<!-- table: two -->\nold\n<!-- end -->\nbelow\n"
    assert render(before, TWO) == "above\n<!-- table: two -->\nplain\n<!-- end -->\nbelow\n"


@given(st.lists(st.sampled_from(["", "text", "<!-- a comment -->", "| a |", *TWO])))
def test_rendering_again_changes_nothing(parts: list[str]) -> None:
    page = "\n".join(f"<!-- table: {part} -->\n<!-- end -->" if part in TWO else part for part in parts)
    once = render(page, TWO)
    assert render(once, TWO) == once


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<!-- table: three -->\n<!-- end -->", "'three': expected one of one, two"),
        ("<!-- table: one -->\n", "needs its own"),
        ("<!-- end -->", "needs its own"),
        ("<!-- table: one -->\n<!-- table: two -->\n<!-- end -->", "needs its own"),
    ],
)
def test_a_mark_that_means_nothing_is_an_error(page: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(page, TWO)


def test_a_table_keeps_its_columns_when_a_cell_has_a_bar_in_it() -> None:
    assert table(("a", "b"), [("x|y", "z")]).splitlines()[-1] == "| x\\|y | z |"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, "integer"),
        (float | None, "number or null"),
        (tuple[int, ...], "list of integer"),
        (tuple[float | None, ...], "list of (number or null)"),
        (Scalar, "scalar"),
        (Mapping[str, Scalar], "object of scalar"),
        (Mapping[str, tuple[int, ...]], "object of list of integer"),
        (Colour | None, "one of `red`, `blue` or null"),
        (Inputs, "`Inputs`"),
    ],
)
def test_a_type_is_said_in_words_of_json(hint: Any, text: str) -> None:
    assert type_text(hint) == text


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The first line, with ``code``,
    and its end.

    More.
    """

    needed: str
    given: float = 0.5
    made: tuple[int, ...] = ()
    inner: Inputs = field(default_factory=Inputs)


def test_a_field_says_what_it_is_when_it_is_left_out() -> None:
    assert [default for _, _, default in fields_of(Example)] == ["required", "`0.5`", "`[]`", "all defaults"]


def test_a_docstring_becomes_one_line_of_markdown() -> None:
    assert sentence(Example, whole=False) == "The first line, with `code`, and its end."
    assert sentence(Example) == "The first line, with `code`, and its end. More."
