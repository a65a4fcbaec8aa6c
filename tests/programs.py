"""What tests drive that an installation need not have: without it a test is skipped, but under CI=true it fails."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def find_program(*names: str) -> Path:
    """The first of these programs that is installed; without any the test is skipped, or fails in CI."""
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = [path for name in names if (path := shutil.which(name, path=search_path))]
    if found:
        return Path(found[0])
    return do_without(f"none of {', '.join(names)} is installed (scripts/install-test-packages installs it)")


def do_without(reason: str) -> NoReturn:
    """Skip the test for this reason; in CI, where nothing is skipped silently, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
