"""The dashboard without a mouse: whatever can be clicked can be reached, and the way to a run can be gone by keys."""

import re

import pytest
from playwright.sync_api import Page, expect

from orchestrator.db.session import Database
from tests.dashboard.visitor import await_rest, pages_of

pytestmark = pytest.mark.browser

MOST_KEYS = 150
# What can be clicked, each numbered on the page. Of tabs and choices of one, arrows reach the others of the same group;
# buttons within an input do what arrows and the backspace key do in it.
FIND_CONTROLS = """() => {
  const isSeen = (each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !each.closest("[inert], [aria-hidden=true]");
  const groups = new Map();
  const groupOf = (each) => {
    const group = each.closest("[role=tablist], [role=radiogroup]") ?? each;
    if (!groups.has(group)) groups.set(group, groups.size);
    return groups.get(group);
  };
  const isWithinInput = (each) => each.tagName === "BUTTON"
    && each.closest("[data-testid=stSelectbox], [data-testid=stMultiSelect], [data-testid=stNumberInput]");
  const found = [...document.querySelectorAll("a[href], button, input, textarea, summary, [role=tab], [role=radio]")];
  return found.filter((each) => !each.disabled && isSeen(each) && !isWithinInput(each)).map((each) => {
    each.dataset.group = groupOf(each);
    const name = each.getAttribute("aria-label") || each.textContent || each.getAttribute("placeholder") || "";
    return [each.dataset.group, `${each.tagName.toLowerCase()} ${name.trim().slice(0, 40)}`];
  });
}"""
FOCUSED_GROUP = "() => document.activeElement.closest('[data-group]')?.dataset.group ?? null"
FOCUSED_NAME = "() => document.activeElement.matches('a, button, summary') ? document.activeElement.textContent : ''"


@pytest.mark.slow
def test_the_tab_key_reaches_whatever_can_be_clicked_on_every_page(page: Page, address: str, farm: Database) -> None:
    missed = {name: unreached(page, f"{address}/{path}", said) for name, path, said in pages_of(farm)}

    assert {name: controls for name, controls in missed.items() if controls} == {}


def unreached(page: Page, link: str, said: str) -> list[str]:
    """The controls of a page that the tab key does not come to."""
    page.goto(link)
    expect(page.get_by_text(said).first).to_be_visible()
    await_rest(page)
    controls = page.evaluate(FIND_CONTROLS)
    missing = {group for group, _ in controls}
    for _ in range(MOST_KEYS):
        if not missing:
            break
        page.keyboard.press("Tab")
        missing.discard(page.evaluate(FOCUSED_GROUP))
    return [name for group, name in controls if group in missing]


def test_a_reader_comes_to_a_run_by_keys_alone(page: Page, address: str) -> None:
    page.goto(f"{address}/?board=pi5")
    expect(page.get_by_text("is fastest").first).to_be_visible()
    await_rest(page)

    go_to(page, "Runs of ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=re.compile("block 0 on pi5-1")).first).to_be_visible()
    await_rest(page)
    go_to(page, "block 0 on pi5-1")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/run\?run=[0-9a-f]+$"))


def go_to(page: Page, name: str) -> None:
    """Press the tab key until what has the focus says `name`."""
    for _ in range(MOST_KEYS):
        page.keyboard.press("Tab")
        if name in page.evaluate(FOCUSED_NAME):
            return
    pytest.fail(f"the tab key does not come to {name!r}")
