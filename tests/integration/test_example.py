"""The examples run as their pages say."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.ssh]
FIGURES = ("heating", "latency-pi4", "latency-pi5", "temperature-pi4", "temperature-pi5")
SHORT = ("--boards", "1", "--minutes", "4", "--time-scale", "20")


def test_bare_against_fan_gives_its_table_and_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.bare_against_fan", *SHORT, "--output", str(tmp_path / "found")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    table = (tmp_path / "found/bare-against-fan.md").read_text()
    assert done.stdout.startswith(table)
    assert table.count("by cooling: sustained") == 2
    assert "board and cooling cannot be told apart" in table, "one board of each"
    assert "`SIMULATED`" in table
    figures = sorted(path.name for path in (tmp_path / "found").glob("*.svg"))
    assert figures == [f"bare-against-fan-{name}.svg" for name in FIGURES]
