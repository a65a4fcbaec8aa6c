"""Which part of a farm a process is, by its words."""

import pytest

from benchmarks.peaks import part_of_farm


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("python -m orchestrator up --no-dashboard", "up"),
        ("python -m orchestrator worker", "worker"),
        ("/usr/bin/valkey-server 127.0.0.1:0", "broker"),
        ("python -m orchestrator model add large large.onnx --variant fp32", "pifarm model add"),
        ("python -m orchestrator submit large --json", "pifarm submit large"),
        ("python -I -m orchestrator.variants.workshop --recipe prune:0.2 --parent p", "workshop: prune:0.2"),
        ("python -I -m agent describe --runtime torch --model m", "trial: torch"),
        ("python -m orchestrator.simulator", None),
        ("python -I agent.pyz measure --orders 5", None),
    ],
)
def test_a_process_is_known_by_its_words(words: str, part: str | None) -> None:
    assert part_of_farm(words.split()) == part
