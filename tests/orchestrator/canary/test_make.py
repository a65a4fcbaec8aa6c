"""The canary's network is the one that its maker writes."""

from pathlib import Path

import onnx

from orchestrator.canary.make import CHANNELS, LAYERS, SIZE, write_network
from orchestrator.canary.workload import FILE


def test_the_file_in_the_repository_is_what_its_maker_writes(tmp_path: Path) -> None:
    write_network(tmp_path / "canary.onnx", layers=LAYERS, channels=CHANNELS, size=SIZE)
    assert onnx.load(tmp_path / "canary.onnx").graph == onnx.load(FILE).graph
