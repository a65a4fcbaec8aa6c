"""The example's table: published latencies and measured ones meet as ratios only."""

from pathlib import Path

from examples.yolov9.beside import markdown, pair
from orchestrator.published import read_published
from tests.examples import make_row

PUBLISHED = read_published(Path(__file__).parent.parent / "examples/yolov9/published.csv")
MEASURED = {"mAP50": {"value": 0.893, "source": "measured"}}


def cells(table: str, name: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_each_side_is_set_against_its_own_pytorch() -> None:
    rows = [
        make_row(variant="torchscript@torch,t1", median_ms=20.0, ci_low_ms=None, ci_high_ms=None),
        make_row(variant="onnx@onnxruntime,t1", median_ms=5.0, ci_low_ms=4.9, ci_high_ms=5.1, metrics=MEASURED),
    ]
    table = markdown(pair(PUBLISHED, rows))
    assert cells(table, "PyTorch")[:2] == ["3334 ms", "1.00×"]
    assert cells(table, "PyTorch")[4:6] == ["20.0 ms", "1.00×"]
    assert cells(table, "ONNX") == [
        *("1762 ms", "0.529×", "0.696", "0.528"),
        *("5.00 ms [4.90, 5.10]", "0.250×", "0.893 (measured)", "n/a"),
    ]


def test_what_only_one_side_has_leaves_the_other_empty() -> None:
    rows = [make_row(variant="int8-static@onnxruntime,t1", median_ms=5.0, ci_low_ms=None, ci_high_ms=None)]
    table = markdown(pair(PUBLISHED, rows))
    assert cells(table, "static int8")[:6] == ["", "", "", "", "5.00 ms", "n/a"]
    assert cells(table, "20 % pruned, PyTorch")[4:] == [""] * 4
    assert "fp16" not in table
