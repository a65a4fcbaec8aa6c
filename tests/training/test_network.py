"""The detector: what it puts out, and that it can learn."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from orchestrator.demo.detection.scenes import Scene, draw_scene, training_glyphs
from training.data import to_batch
from training.loss import loss_of
from training.network import PLANS, Detector, fused

SLIM = PLANS["slim"]
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(training_glyphs(), 1, number) for number in range(4)]


def test_a_batch_says_what_the_scenes_say(scenes: list[Scene]) -> None:
    batch = to_batch(scenes)
    assert batch.is_object.sum().item() == sum(len(scene.objects) for scene in scenes)
    left, top, width, height = scenes[0].objects[0].box
    assert batch.boxes[0, 0].tolist() == [left, top, left + width, top + height]
    assert np.array_equal((batch.images[0] * 255).round().byte().permute(1, 2, 0).numpy(), scenes[0].levels)


def test_in_evaluation_it_puts_out_boxes_in_pixels_and_scores() -> None:
    network = Detector(SLIM).eval()
    with torch.no_grad():
        output = network(torch.rand(2, 3, 128, 128))
    assert output.shape == (2, 14, 320)
    assert output[:, 4:].min() >= 0 and output[:, 4:].max() <= 1
    assert output[:, 4:].mean().item() == pytest.approx(0.01, abs=0.01), "nothing is likely before it is learnt"


def test_distances_are_measured_from_the_centre_of_each_cell() -> None:
    distances = torch.zeros(1, 4, 320)
    distances[0, :, 17] = torch.tensor([1.0, 0.5, 2, 0])  # fine level, second row, second column: around (12, 12)
    distances[0, :, 256] = 1.0  # coarse level, first cell: around (8, 8)
    corners = Detector(SLIM).corners(distances)
    assert corners[0, :, 17].tolist() == [4, 8, 28, 12]
    assert corners[0, :, 256].tolist() == [-8, -8, 24, 24]


def test_fusing_changes_no_answer() -> None:
    network = Detector(SLIM)
    with torch.no_grad():
        network(torch.rand(4, 3, 128, 128))  # moves the running means away from 0
        images = torch.rand(1, 3, 128, 128)
        plain = copy.deepcopy(network).eval()(images)
        assert torch.allclose(fused(network)(images), plain, atol=1e-3)
    assert not [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_a_few_steps_on_the_same_scenes_lower_the_loss(scenes: list[Scene]) -> None:
    torch.manual_seed(1)
    network, batch = Detector(SLIM), to_batch(scenes)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss = loss_of(network, network(batch.images), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_a_batch_without_objects_has_a_loss(scenes: list[Scene]) -> None:
    empty = [Scene(levels=scenes[0].levels, objects=())]
    network = Detector(SLIM)
    assert torch.isfinite(loss_of(network, network(to_batch(empty).images), to_batch(empty)))
