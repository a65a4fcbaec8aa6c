"""Paired ratios beside the margin."""

from orchestrator.analysis.comparison import Answer
from orchestrator.charts.ratios import Ratio, ratio_chart


def test_every_variant_has_a_line_and_its_answer_a_shape() -> None:
    ratios = (
        Ratio(name="int8", ratio=0.7, interval=(0.68, 0.72), answer=Answer.FASTER),
        Ratio(name="ort", ratio=1.0, interval=None, answer=Answer.CANNOT_TELL),
    )

    chart = ratio_chart(ratios, 0.02, simulated=False).to_dict()

    band, _, bars, marks = chart["layer"]
    assert chart["datasets"][band["data"]["name"]] == [{"low": 0.98, "high": 1.02}]
    assert marks["encoding"]["y"]["scale"]["domain"] == ["int8", "ort"]
    rows = chart["datasets"][bars["data"]["name"]]
    assert [(row["variant"], row["low"], row["high"]) for row in rows] == [("int8", 0.68, 0.72), ("ort", 1.0, 1.0)]
    assert {row["answer"] for row in rows} <= set(marks["encoding"]["shape"]["scale"]["domain"])
