"""A data set through a session: what is fed, what is answered, in which chunks, and what ends it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import RunFault
from agent.evaluate import CHUNK_EXAMPLES, Evaluator, read_outputs
from agent.examples import first_inputs
from agent.fitting import Shape
from agent.runtimes import Feeds, Signature
from agent.wire.evaluation import MOST_ROWS, Evaluation, Predicted
from agent.wire.spec import Inputs, Scalar
from agent.wire.task import Decoder, ImageInput, Task, TaskKind
from tests.orchestrator.analysis.accuracy.tasks import a_detector

CLASSIFIER = Task(kind=TaskKind.CLASSIFICATION, image=ImageInput(width=4, height=4, divisor=1), classes=("a", "b", "c"))
PICTURE = Signature(name="images", dtype="float32", shape=(1, 3, 4, 4))
NUMBERS = Signature(name="x", dtype="float32", shape=(None, 3))


class Network:
    """A session that answers whatever `answer` makes of its feeds."""

    def __init__(self, inputs: Sequence[Signature], answer: Callable[[Feeds], Sequence[Any]]) -> None:
        self.inputs: Sequence[Signature] = inputs
        self.outputs: Sequence[Signature] = (Signature(name="y", dtype="float32", shape=None),)
        self.options: Mapping[str, Scalar] = {}
        self._answer = answer

    def bind(self, feeds: Feeds) -> Callable[[], Sequence[Any]]:
        """The inference."""
        return lambda: self._answer(feeds)


def evaluate(
    tmp_path: Path, network: Network, task: Task | None, arrays: dict[str, Any], examples: Sequence[str] | None = None
) -> list[Predicted]:
    """What is said of the arrays as a staged data set."""
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    names = tuple(arrays if examples is None else examples)
    evaluation = Evaluation(dataset_id="a" * 64, main_file=path.name, task=task, examples=names)
    said: list[Predicted] = []
    begun: list[str] = []
    Evaluator(network, evaluation, path, begin=lambda: begun.append(""), say=said.append).run()
    assert len(begun) == len(names)
    return said


def picture(level: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((4, 4, 3), level, np.uint8)


def test_answers_come_in_order_in_chunks(tmp_path: Path) -> None:
    network = Network([NUMBERS], lambda feeds: [feeds["x"]])
    arrays = {f"e{number}": np.array([[0, number, 1]], np.float32) for number in range(CHUNK_EXAMPLES + 2)}
    said = evaluate(tmp_path, network, None, arrays)
    assert [len(each.examples) for each in said] == [CHUNK_EXAMPLES, 2]
    assert [name for each in said for name in each.examples] == list(arrays)
    assert said[1].rows()[1] == ((1.0, 65.0), (2.0, 1.0), (0.0, 0.0))


def test_a_classifiers_scores_are_kept_as_they_are_best_first(tmp_path: Path) -> None:
    network = Network([PICTURE], lambda feeds: [np.array([[-1.0, feeds["images"].mean(), 20.0]])])
    (said,) = evaluate(tmp_path, network, CLASSIFIER, {"1": picture(10), "2": picture(30)})
    assert said.rows() == (((2.0, 20.0), (1.0, 10.0), (0.0, -1.0)), ((1.0, 30.0), (2.0, 20.0), (0.0, -1.0)))


def test_of_many_classes_the_ten_best_are_told() -> None:
    rows = read_outputs([np.arange(1000.0)], None, width=0, height=0)
    assert [row[0] for row in rows] == list(range(999, 989, -1))


def test_detections_are_in_pixels_of_the_examples_own_image(tmp_path: Path) -> None:
    output = np.array([[[2.0], [2], [2], [2], [0.1], [0.9]]], np.float32)  # centre 2, 2 of 4 x 4; of the second class
    network = Network([PICTURE], lambda feeds: [output])
    wide = np.zeros((20, 40, 3), np.uint8)  # a tenth of its size, with one row of filling above and below
    (said,) = evaluate(tmp_path, network, a_detector(side=4, score_threshold=0.5), {"7": wide})
    (((*box, score, place),),) = said.rows()
    assert (box, place) == ([10, 0, 30, 20], 1) and score == pytest.approx(0.9)


def test_a_network_of_several_inputs_gets_each_by_its_name(tmp_path: Path) -> None:
    mask = Signature(name="mask", dtype="int64", shape=(1, 3))
    network = Network([NUMBERS, mask], lambda feeds: [feeds["x"] * feeds["mask"]])
    arrays = {"e/x": np.array([4, 5, 6], np.float64), "e/mask": np.array([[0, 1, 0]])}
    (said,) = evaluate(tmp_path, network, None, arrays, ["e"])
    assert said.rows()[0][0] == (1.0, 5.0)


def test_more_rows_than_a_record_takes_are_several_chunks(tmp_path: Path) -> None:
    count = MOST_ROWS // 9000 + 1
    boxes = np.tile([0.0, 0, 2, 2, 0.9, 1], (1, 9000, 1))
    network = Network([PICTURE], lambda feeds: [boxes])
    task = a_detector(Decoder.END_TO_END, side=4, most=9000)
    said = evaluate(tmp_path, network, task, {str(number): picture(0) for number in range(count)})
    assert [len(each.examples) for each in said] == [count - 1, 1]


def refused(tmp_path: Path, *given: Any, **more: Any) -> RunFault:
    with pytest.raises(RunFault) as caught:
        evaluate(tmp_path, *given, **more)
    return caught.value


def test_what_was_answered_before_an_example_that_cannot_be_is_said(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, a=np.zeros(3))
    evaluation = Evaluation(dataset_id="a" * 64, main_file=path.name, task=None, examples=("a", "gone"))
    said: list[Predicted] = []
    network = Network([NUMBERS], lambda feeds: [feeds["x"]])
    with pytest.raises(RunFault, match=r"no array 'gone/x'") as caught:
        Evaluator(network, evaluation, path, begin=lambda: None, say=said.append).run()
    assert caught.value.code == "bad_example"
    assert [each.examples for each in said] == [("a",)]


@pytest.mark.parametrize(
    ("task", "output", "message"),
    [
        (a_detector(Decoder.YOLOV8, side=4), np.zeros((1, 7, 10)), r"yolov8 with 2 classes expects \(1, 6, boxes\)"),
        (CLASSIFIER, np.zeros((1, 4)), r"expected \(1, 3\), a score for each of task.classes, got \[1, 4\]"),
        (CLASSIFIER, np.array([0, np.nan, 1]), "no finite numbers"),
        (CLASSIFIER, np.array([0, 1e300, 1]), "no finite numbers"),
        (CLASSIFIER, [{"a": 1.0}], "expected numbers, got object"),
    ],
)
def test_an_output_that_the_task_does_not_describe_is_the_models_fault(
    tmp_path: Path, task: Task, output: Any, message: str
) -> None:
    fault = refused(tmp_path, Network([PICTURE], lambda feeds: [output]), task, {"1": picture(0)})
    assert fault.code == "unfit_output"
    with pytest.raises(RunFault, match=message):
        raise fault


def test_an_image_that_is_none_and_a_second_input_are_told(tmp_path: Path) -> None:
    fault = refused(tmp_path, Network([PICTURE], lambda feeds: []), CLASSIFIER, {"1": np.zeros((4, 4))})
    assert fault.code == "bad_example" and "expected uint8" in fault.message
    fault = refused(tmp_path, Network([PICTURE, NUMBERS], lambda feeds: []), CLASSIFIER, {"1": picture(0)})
    assert fault.code == "unfit_input" and "the network has 2: images, x" in fault.message


def test_an_array_of_pickled_objects_is_not_opened(tmp_path: Path) -> None:
    pickled = np.array([[0, 1, 2]], object)
    fault = refused(tmp_path, Network([NUMBERS], lambda feeds: [feeds["x"]]), None, {"a": pickled})
    assert fault.code == "bad_example" and "array 'a': cannot be read" in fault.message


@pytest.mark.parametrize("shape", [None, ("batch", 3, "height", "width")])
def test_the_first_input_of_an_open_shape_has_the_size_that_the_task_makes(shape: Shape | None) -> None:
    network = [Signature(name="images", dtype="float32", shape=shape)]
    assert first_inputs(Inputs(seed=3), CLASSIFIER, network) == Inputs(seed=3, shapes={"images": (1, 3, 4, 4)})


def test_a_first_input_that_is_wanted_or_declared_stays_as_it_is() -> None:
    wanted = Inputs(shapes={"images": (1, 3, 8, 8)})
    assert first_inputs(wanted, CLASSIFIER, [Signature(name="images", dtype="float32", shape=None)]) == wanted
    assert first_inputs(Inputs(), CLASSIFIER, [PICTURE]) == Inputs()


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 nor this"])
def test_a_file_that_is_no_data_set_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    evaluation = Evaluation(dataset_id="a" * 64, main_file=path.name, task=None, examples=("a",))
    with pytest.raises(RunFault, match=r"cannot be read as an \.npz file") as caught:
        Evaluator(Network([NUMBERS], lambda feeds: []), evaluation, path, begin=lambda: None, say=lambda _: None).run()
    assert caught.value.code == "bad_example"
