"""The scenes as a folder that any tool for COCO reads."""

from pathlib import Path

import numpy as np

from orchestrator.datasets.coco import read_coco
from orchestrator.datasets.task_file import read_task
from orchestrator.demo.detection import TASK_FILE
from orchestrator.demo.detection.dataset import write_dataset
from orchestrator.demo.detection.scenes import VALIDATION_SEED, draw_scene, held_out_glyphs


def test_the_folder_has_the_scenes_and_what_is_in_them(tmp_path: Path) -> None:
    objects = write_dataset(tmp_path, 3)
    data = read_coco(tmp_path)
    assert (len(data.files), len(data.truth.objects)) == (3, objects)
    for image_id in data.files:
        scene = draw_scene(held_out_glyphs(), VALIDATION_SEED, image_id - 1)
        assert np.array_equal(data.decode(image_id), scene.levels)
        written = [each for each in data.truth.objects if each.image_id == image_id]
        assert [each.box for each in written] == [each.box for each in scene.objects]
        assert [data.truth.categories[each.category_id] for each in written] == [
            str(each.digit) for each in scene.objects
        ]


def test_the_task_file_names_the_categories(tmp_path: Path) -> None:
    write_dataset(tmp_path, 1)
    assert read_coco(tmp_path).truth.category_ids(read_task(TASK_FILE).classes) == tuple(range(1, 11))
