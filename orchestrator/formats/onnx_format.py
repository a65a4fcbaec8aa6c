"""ONNX: a protobuf file that holds the graph, and often further files beside it that hold the weights.

The graph is read here for what onnxruntime does not tell: its operator sets and its external data. Weights in
files of their own are never read into memory. All else is onnxruntime's to say.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from agent.wire.names import is_relative_name
from orchestrator.boards.runtimes import DEFAULT, runtimes_for
from orchestrator.errors import ModelError
from orchestrator.formats.foreign import recognise
from orchestrator.formats.model_file import ModelFile, ModelFormat
from orchestrator.formats.trial import Refusal, try_to_open

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

LARGEST_PROTOBUF_BYTES: Final = 2**31 - 1
ONNX_DOMAINS: Final = ("", "ai.onnx")


def read_onnx(main: Path) -> ModelFile:
    """The facts of an .onnx file and of the files that hold its weights; raises `ModelError`."""
    model = _load(main)
    _check_ranks(main, model.graph)
    opset = {each.domain or "ai.onnx": each.version for each in model.opset_import}
    files = {main.name: main, **_find_external_data(main, model)}
    answer = try_to_open(main, DEFAULT)
    if isinstance(answer, Refusal):
        versions = ", ".join(f"{domain} {version}" for domain, version in sorted(opset.items())) or "none"
        raise ModelError(
            f"{main}: onnxruntime {answer.version} cannot load it: {answer.reason}"
            f" (opset {versions}; IR version {model.ir_version}); {_remedy(model, answer.reason)}"
        )
    return ModelFile(
        format=ModelFormat.ONNX,
        main=main.name,
        files=files,
        inputs=answer.inputs,
        outputs=answer.outputs,
        opset=opset,
        size_bytes=sum(path.stat().st_size for path in files.values()),
        runtimes=runtimes_for(main.suffix),
    )


def _remedy(model: "ModelProto", reason: str) -> str:
    """What helps against a refusal of onnxruntime's."""
    if "IR version" in reason:
        return "save it with an older one: model = onnx.load(FILE); model.ir_version = 10; onnx.save(model, FILE)"
    foreign = sorted(each.domain for each in model.opset_import if each.domain not in ONNX_DOMAINS)
    named = [domain for domain in foreign if f"{domain}:" in reason]
    if named:
        return (
            f"operators of {named[0]} are in a library of their own, which pifarm does not load; export the network"
            " without them, or add a runtime that has them (docs/runtimes.md)"
        )
    return "export it again with operators and an opset that this onnxruntime has"


def _load(main: Path) -> "ModelProto":
    import onnx  # takes 0.3 s, and only this command needs it
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # what onnx raises; has no types

    size_bytes = main.stat().st_size
    if size_bytes > LARGEST_PROTOBUF_BYTES:
        raise ModelError(
            f"{main}: an ONNX file can hold 2 GiB, got {size_bytes} bytes; save the weights as external data"
        )
    try:
        model = onnx.load_model(main, format="protobuf", load_external_data=False)
    except DecodeError as error:
        found = recognise(main) or f"got {size_bytes} bytes that end too early or are damaged; copy or export it again"
        raise ModelError(f"{main}: expected an ONNX model, {found}") from error
    if not model.HasField("graph"):
        found = recognise(main) or f"got {size_bytes} bytes without a graph; copy or export it again"
        raise ModelError(f"{main}: expected an ONNX model, {found}")
    return model


def _check_ranks(main: Path, graph: "GraphProto") -> None:
    """Inputs whose rank is known: without it nobody can make a tensor for them."""
    weights = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        is_tensor = value.type.HasField("tensor_type")
        if value.name not in weights and is_tensor and not value.type.tensor_type.HasField("shape"):
            raise ModelError(
                f"{main}: input {value.name}: expected a shape, got none; export the model with input shapes"
            )


def _find_external_data(main: Path, model: "ModelProto") -> dict[str, Path]:
    """The files that hold weights, by their names relative to the model's folder."""
    from onnx import TensorProto

    found: dict[str, Path] = {}
    for tensor in _tensors_of_model(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            name = str(PurePosixPath(entries.get("location", "")))
            if name not in found:
                found[name] = _locate(main, tensor.name, name)
            _check_extent(main, tensor.name, found[name], entries)
    return found


def _locate(main: Path, tensor: str, name: str) -> Path:
    folder = main.parent
    place = folder / name
    if not is_relative_name(name):
        reason = "is not a name below the model's folder"
    elif not place.resolve().is_relative_to(folder.resolve()):
        reason = "leads out of the model's folder by a symbolic link"
    elif not place.is_file():
        reason = f"is not in {folder}"
    else:
        return place
    raise ModelError(
        f"{main}: the weights of {tensor} are in the file {name!r}, which {reason};"
        " put the file itself beside the model, or export again with all weights in one file"
    )


def _check_extent(main: Path, tensor: str, place: Path, entries: dict[str, str]) -> None:
    size_bytes = place.stat().st_size
    try:
        start, length = int(entries.get("offset") or 0), int(entries.get("length") or 0)
    except ValueError as error:
        raise ModelError(f"{main}: {tensor}: expected numbers as offset and length, got {entries}") from error
    if start < 0 or length < 0 or start + length > size_bytes:
        raise ModelError(
            f"{main}: the weights of {tensor} are bytes {start} to {start + length} of {place.name}, which has"
            f" {size_bytes}; copy it again whole"
        )


def _tensors_of_model(model: "ModelProto") -> "Iterator[TensorProto]":
    yield from _tensors_of_graph(model.graph)
    for function in model.functions:
        yield from _tensors_of_nodes(function.node)
    for training in model.training_info:
        yield from _tensors_of_graph(training.initialization)
        yield from _tensors_of_graph(training.algorithm)


def _tensors_of_graph(graph: "GraphProto") -> "Iterator[TensorProto]":
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_of_nodes(graph.node)


def _tensors_of_nodes(nodes: "Iterable[NodeProto]") -> "Iterator[TensorProto]":
    """Every tensor in the nodes' attributes and in the graphs within them; protobuf's depth limit bounds those."""
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of_graph(graph)
