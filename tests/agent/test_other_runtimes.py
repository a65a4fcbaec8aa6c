"""PyTorch, ncnn, LiteRT and OpenVINO for real: the same small network in each gives the same answer."""

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from agent.errors import RunFault
from agent.evaluate import Evaluator
from agent.inputs import invent_inputs
from agent.preflight import try_runtime
from agent.runtimes import Session, load_runtime
from agent.tasks import prepare
from agent.wire.evaluation import Evaluation, Predicted
from agent.wire.spec import Inputs, Scalar
from agent.wire.task import ImageInput, Task, TaskKind
from tests.agent.other_models import SAVERS, SHAPE, SIZE, answer, save_onnx, save_quantised_litert

pytestmark = pytest.mark.integration
SINGLE, HALF = 1e-5, 4e-3  # of sums of three products; ncnn keeps weights and activations in half precision
LEVELS = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
LIBRARIES = {"torch": "torch", "ncnn": "ncnn", "litert": "ai_edge_litert", "openvino": "openvino"}


def require(runtime: str) -> None:
    """Skip where a runtime is not installed; on CI that is a failure."""
    if importlib.util.find_spec(LIBRARIES[runtime]) is None:
        message = f"{runtime} is not installed: make torch" if runtime == "torch" else f"{runtime} is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


def load(runtime: str, path: Path, *, threads: int = 1, **options: Scalar) -> Session:
    return load_runtime(runtime).load(path, threads, options)


@pytest.mark.parametrize(("runtime", "save"), SAVERS.values(), ids=SAVERS.keys())
def test_every_format_gives_the_answer_of_the_network(
    tmp_path: Path, runtime: str, save: Callable[[Path], Path]
) -> None:
    require(runtime)
    session = load(runtime, save(tmp_path))
    (signature,) = session.inputs
    shapes = {} if signature.shape is not None else {signature.name: SHAPE}
    (image,) = invent_inputs(session.inputs, Inputs(shapes=shapes)).values()
    (found,) = session.bind({signature.name: image})()
    if runtime == "litert":  # channels last
        image, found = np.moveaxis(image, -1, 1), np.moveaxis(found, -1, 1)
    right = answer(image if image.ndim == 4 else image[None])
    tolerance = HALF if runtime == "ncnn" else SINGLE
    np.testing.assert_allclose(np.asarray(found).reshape(right.shape), right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("runtime", "save"), SAVERS.values(), ids=SAVERS.keys())
def test_every_format_answers_images_in_its_own_layout(
    tmp_path: Path, runtime: str, save: Callable[[Path], Path]
) -> None:
    require(runtime)
    _, filters, height, width = answer(np.zeros(SHAPE)).shape
    classes = tuple(f"class{number}" for number in range(filters * height * width))
    task = Task(kind=TaskKind.CLASSIFICATION, image=ImageInput(width=width, height=height), classes=classes)
    best = np.sort(answer(prepare(LEVELS, task.image)).ravel())[:-11:-1]
    tolerance = HALF if runtime == "ncnn" else SINGLE
    scores = best_scores(load(runtime, save(tmp_path)), task, tmp_path)
    np.testing.assert_allclose(scores, best, rtol=tolerance, atol=tolerance)


def test_a_network_of_whole_numbers_is_fed_and_read_by_its_scales(tmp_path: Path) -> None:
    require("litert")
    session = load("litert", save_quantised_litert(tmp_path))
    classes = tuple(f"class{number}" for number in range(LEVELS.size))
    task = Task(kind=TaskKind.CLASSIFICATION, image=ImageInput(width=SIZE, height=SIZE), classes=classes)
    best = np.sort(LEVELS.ravel())[:-11:-1] / 255
    np.testing.assert_allclose(best_scores(session, task, tmp_path), best, rtol=SINGLE)


def best_scores(session: Session, task: Task, folder: Path) -> list[float]:
    """The scores of the best classes of one image."""
    np.savez(folder / "set.npz", picture=LEVELS)
    evaluation = Evaluation(dataset_id="a" * 64, main_file="set.npz", task=task, examples=("picture",))
    said: list[Predicted] = []
    Evaluator(session, evaluation, folder / "set.npz", begin=lambda: None, say=said.append).run()
    return [score for _, score in said[0].rows()[0]]


@pytest.mark.parametrize(("runtime", "save"), SAVERS.values(), ids=SAVERS.keys())
def test_an_inference_can_be_repeated_and_answers_the_same(
    tmp_path: Path, runtime: str, save: Callable[[Path], Path]
) -> None:
    require(runtime)
    session = load(runtime, save(tmp_path))
    call = session.bind(
        invent_inputs(
            session.inputs,
            Inputs(shapes={"input": SHAPE} if runtime == "torch" and session.inputs[0].shape is None else {}),
        )
    )
    first = [np.array(output) for output in call()]
    assert all((np.array(one) == other).all() for one, other in zip(call(), first, strict=True))


@pytest.mark.parametrize(("runtime", "save"), SAVERS.values(), ids=SAVERS.keys())
def test_the_number_of_threads_is_the_one_that_was_asked_for(
    tmp_path: Path, runtime: str, save: Callable[[Path], Path]
) -> None:
    require(runtime)
    assert load(runtime, save(tmp_path), threads=2).options["intra_op_threads"] == 2


@pytest.mark.parametrize("runtime", LIBRARIES)
def test_a_file_of_another_format_is_refused(tmp_path: Path, runtime: str) -> None:
    require(runtime)
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"{}")
    with pytest.raises(RunFault) as caught:
        load(runtime, path)
    assert caught.value.code == "bad_model"


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("torch", "net.torchscript"), ("torch", "net.pt2"), ("litert", "net.tflite"), ("openvino", "net.xml")],
)
def test_a_damaged_file_is_refused_in_the_runtimes_words(tmp_path: Path, runtime: str, name: str) -> None:
    require(runtime)
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 and nothing that anybody could load")
    with pytest.raises(RunFault, match=f"{runtime} .* refuses {name}"):
        load(runtime, path)


@pytest.mark.parametrize("runtime", LIBRARIES)
def test_a_runtime_shows_that_it_works_by_a_tiny_model(runtime: str) -> None:
    require(runtime)
    assert try_runtime(runtime) == f"works {load_runtime(runtime).version}"


@pytest.mark.parametrize("runtime", ["torch", "ncnn"])
def test_spinning_is_refused_where_the_process_was_not_started_for_it(tmp_path: Path, runtime: str) -> None:
    require(runtime)
    save = next(save for name, save in SAVERS.values() if name == runtime)
    with pytest.raises(RunFault, match="allow_spinning: this process lacks"):
        load(runtime, save(tmp_path), allow_spinning=False)


@pytest.mark.parametrize("runtime", ["torch", "ncnn"])
def test_a_process_that_was_started_without_spinning_loads(tmp_path: Path, runtime: str) -> None:
    require(runtime)
    path = next(save for name, save in SAVERS.values() if name == runtime)(tmp_path)
    program = (
        "import sys; from pathlib import Path; from agent.runtimes import load_runtime\n"
        "print(load_runtime(sys.argv[1]).load(Path(sys.argv[2]), 2, {'allow_spinning': False}).options)"
    )
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", program, runtime, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "'allow_spinning': False" in done.stdout


def test_a_torchscript_program_that_wants_other_types_says_how_to_bring_it(tmp_path: Path) -> None:
    require("torch")
    import torch

    path = tmp_path / "tokens.torchscript"
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.trace(torch.nn.Embedding(10, 4), torch.zeros((1, 3), dtype=torch.int64)).save(str(path))
    session = load("torch", path)
    call = session.bind({session.inputs[0].name: np.zeros((1, 3), np.float32)})

    with pytest.raises(RuntimeError, match=r"^RuntimeError: Expected .*FloatTensor.*float32 was given.*\.pt2"):
        call()


def test_a_torchscript_program_does_not_say_its_shapes_and_asks_for_them(tmp_path: Path) -> None:
    require("torch")
    session = load("torch", SAVERS["torchscript"][1](tmp_path))
    assert session.inputs[0].shape is None
    with pytest.raises(RunFault, match="the model does not say its shape; give it, for example --shape input="):
        invent_inputs(session.inputs, Inputs())


def test_a_pickled_checkpoint_is_no_program(tmp_path: Path) -> None:
    require("torch")
    import torch

    path = tmp_path / "net.pt"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(RunFault, match=r"refuses net\.pt"):
        load("torch", path)


def test_a_batch_of_one_is_no_channel_to_ncnn(tmp_path: Path) -> None:
    require("ncnn")
    session = load("ncnn", SAVERS["ncnn"][1](tmp_path))
    image = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    (batched,), (single,) = session.bind({"image": image})(), session.bind({"image": image[0]})()
    np.testing.assert_array_equal(batched, single)


def test_xnnpack_is_used_or_its_absence_is_said(tmp_path: Path) -> None:
    import onnxruntime

    path = save_onnx(tmp_path)
    if "XnnpackExecutionProvider" in onnxruntime.get_available_providers():
        options = load("onnxruntime", path, threads=2, provider="xnnpack").options
        assert (options["intra_op_threads"], options["xnnpack_threads"], options["allow_spinning"]) == (1, 2, False)
    else:
        with pytest.raises(RunFault, match=r"this build has no XNNPACK, it has .*CPUExecutionProvider"):
            load("onnxruntime", path, provider="xnnpack")
    with pytest.raises(RunFault, match="provider: expected cpu or xnnpack, got 'gpu'"):
        load("onnxruntime", path, provider="gpu")


def test_what_travels_to_boards_says_nothing_of_where_it_was_made() -> None:
    folder = Path(str(resources.files("agent.runtimes")))
    tiny = [path for path in folder.glob("tiny.*") if path.is_file()]
    assert len(tiny) >= len(LIBRARIES)
    assert not [
        path.name for path in tiny if b"site-packages" in path.read_bytes() or b"stack_trace" in path.read_bytes()
    ]
