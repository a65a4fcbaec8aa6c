"""What a page names is there: files and folders, modules and what is in them, links and their anchors."""

import importlib
import importlib.util

import pytest

from tests.docs.pages import ROOT, Page, read_page, read_pages

every_page = pytest.mark.parametrize("page", read_pages(), ids=lambda page: page.name)


@every_page
def test_every_path_on_the_page_exists(page: Page) -> None:
    assert {path for path in page.paths if not (ROOT / path).exists()} == set()


@every_page
def test_every_module_on_the_page_exists(page: Page) -> None:
    assert {name for name in page.dotted_names if not is_known(name)} == set()


@every_page
def test_what_a_file_is_said_to_hold_is_in_it(page: Page) -> None:
    for path, member in page.members:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {member}(" in text or f"class {member}" in text, f"{member} in {path}"


@every_page
def test_every_relative_link_resolves(page: Page) -> None:
    for link in page.links:
        file, _, anchor = link.partition("#")
        target = (ROOT / page.name).parent / file if file else ROOT / page.name
        assert target.exists(), link
        if anchor:
            assert anchor in read_page(target.resolve().relative_to(ROOT).as_posix()).anchors, link


def is_known(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    module, _, member = name.rpartition(".")
    try:
        if importlib.util.find_spec(name) is not None:
            return True
    except ModuleNotFoundError:  # what should be its package is a module, or nothing
        pass
    return bool(module) and module_has(module, member)


def module_has(module: str, member: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), member)
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("agent.wire", True),
        ("agent.wire.WIRE_VERSION", True),
        ("orchestrator.attending.leases.take", True),
        ("orchestrator.attending.leases.dance", False),
        ("orchestrator.casino", False),
        ("orchestrator.casino.table", False),
    ],
)
def test_a_dotted_name_is_known_or_not(name: str, known: bool) -> None:
    assert is_known(name) is known


def test_names_are_found_wherever_they_stand() -> None:
    text = "`take` in `orchestrator/attending/leases.py`, `agent.wire`, [x](wire.md#the-journal), ~/docs/x"
    page = Page(name="docs/page.md", text=f"{text}\n agent/start.py, claim.py")
    assert page.paths == {"orchestrator/attending/leases.py", "agent/start.py", "agent/claim.py"}
    assert page.members == {("orchestrator/attending/leases.py", "take")}
    assert page.dotted_names == {"agent.wire"}
    assert page.links == ["wire.md#the-journal"]
