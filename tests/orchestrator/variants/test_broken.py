"""A detector whose int8 file has a wrong scale is seen through by the boxes that it finds, for real."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from agent.tasks import prepare
from orchestrator.analysis.fidelity import ALIKE_COSINE, Likeness
from orchestrator.catalog import NewBuild, add_model
from orchestrator.config import Settings
from orchestrator.datasets.task_file import read_task
from orchestrator.db.session import Database
from orchestrator.demo.detection import FILES, TASK_FILE
from orchestrator.demo.detection.scenes import VALIDATION_SEED, draw_scene, held_out_glyphs
from orchestrator.farm import Farm
from orchestrator.text.fidelity_text import table
from orchestrator.variants.fidelity import compare_variants

pytestmark = pytest.mark.integration
SCENES = 12


def with_output_in_int8(target: Path, scale: float) -> Path:
    """The demo's detector with its one output, boxes and scores together, rounded to steps of `scale`.

    Sides of boxes where nothing is come out negative: a quarter of the steps are for them.
    """
    model = onnx.load(FILES / "big.onnx")
    graph = model.graph
    (end,) = graph.output
    for node in graph.node:
        node.output[:] = ["exact" if name == end.name else name for name in node.output]
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), "scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(64, np.uint8), "zero"))
    graph.node.append(helper.make_node("QuantizeLinear", ["exact", "scale", "zero"], ["steps"], name="q"))
    graph.node.append(helper.make_node("DequantizeLinear", ["steps", "scale", "zero"], [end.name], name="dq"))
    onnx.save(model, target)
    return target


def test_a_wrong_scale_shows_in_the_boxes_and_hardly_elsewhere(database: Database, tmp_path: Path) -> None:
    farm = Farm(settings=Settings(home=tmp_path / "home"), database=database, farm_id="farm-test")
    broken = with_output_in_int8(tmp_path / "broken.onnx", 2.0)
    add_model(farm, "digits", [NewBuild(path=FILES / "big.onnx", label="fp32")], task=read_task(TASK_FILE))
    add_model(farm, "digits", [NewBuild(path=broken, label="int8")])
    image, glyphs = read_task(TASK_FILE).image, held_out_glyphs()
    scenes = [draw_scene(glyphs, VALIDATION_SEED, number) for number in range(SCENES)]
    examples = tmp_path / "examples.npz"
    np.savez(examples, images=np.concatenate([prepare(scene.levels, image) for scene in scenes]))
    found = list(compare_variants(farm, "digits", real=examples, examples=SCENES))
    (fp32, int8) = (each.fidelity for each in found)
    assert fp32 is not None and int8 is not None
    assert (fp32.likeness, int8.likeness) == (Likeness.ALIKE, Likeness.BROKEN)
    assert int8.cosine is not None and int8.cosine > ALIKE_COSINE, "boxes hide the scores from it"
    columns, rows = table(found)
    assert columns[-3:] == ["same boxes", "IoU", "score error"]
    assert rows[1][7].startswith("0% of ")
