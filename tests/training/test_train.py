"""How the training program is asked for one network."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from training.train import main

pytestmark = pytest.mark.integration


def test_one_network_is_not_trained_where_what_is_scored_beside_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train", str(tmp_path), "--only", "slim"])
    with pytest.raises(SystemExit):
        main()
    assert "lacks big.onnx, big.torchscript, metrics.json; train all, or copy them there" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
