"""The load of a run: one model, loaded in a fresh process and asked once, and what is reported of both.

Times are of the monotonic clock and never part of the window. What the runtime raises is translated here.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import RunFault
from agent.frames import Job
from agent.runtimes import Feeds, Runtime, Session, load_runtime
from agent.wire.records import MAX_DIMENSIONS, MAX_TENSOR_NAME, MAX_TENSORS, MAX_VERSION, Loaded, TensorFact
from agent.wire.spec import RunSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that has answered once: `call` is that inference of `feeds`, which took `first_ns`."""

    runtime: Runtime
    session: Session
    feeds: Feeds
    call: Callable[[], Sequence[Any]]
    first_ns: int


def load_model(job: Job) -> tuple[LoadedModel, Loaded]:
    """Load the model of a job and infer once; raises `RunFault`."""
    spec, model = job.spec, Path(job.model_path)
    import_ns, runtime = _timed(lambda: load_runtime(spec.runtime, model))
    load_ns, session = _timed(lambda: runtime.load(model, spec.threads, spec.runtime_options))
    feeds = _feeds(session, spec)
    call = session.bind(feeds)
    first_ns, outputs = _timed(lambda: _first_answer(call, runtime))
    record = Loaded(
        at_ns=time.monotonic_ns() - job.origin_ns,
        load_ns=load_ns,
        first_ns=first_ns,
        runtime_version=runtime.version[:MAX_VERSION],
        inputs=tuple(_fact(name, tensor) for name, tensor in itertools.islice(feeds.items(), MAX_TENSORS)),
        outputs=_output_facts([output.name for output in session.outputs], outputs),
        output_sha256=_digest(outputs),
        options=dict(session.options),
        import_ns=import_ns,
    )
    return LoadedModel(runtime=runtime, session=session, feeds=feeds, call=call, first_ns=first_ns), record


def _first_answer(call: Callable[[], Sequence[Any]], runtime: Runtime) -> Sequence[Any]:
    try:
        return call()
    except runtime.errors as error:
        raise RunFault("inference_failed", f"the first inference failed: {error}") from error


def _feeds(session: Session, spec: RunSpec) -> Feeds:
    if not session.inputs and not spec.inputs.shapes:
        return {}
    from agent.examples import first_inputs  # numpy: only where there is something to invent
    from agent.inputs import invent_inputs

    task = None if spec.evaluation is None else spec.evaluation.task
    return invent_inputs(session.inputs, first_inputs(spec.inputs, task, session.inputs))


def _timed(step: Callable[[], T]) -> tuple[int, T]:
    begin_ns = time.monotonic_ns()
    result = step()
    return time.monotonic_ns() - begin_ns, result


def _output_facts(names: Sequence[str], outputs: Sequence[Any]) -> tuple[TensorFact, ...]:
    """What came out; a runtime that does not say how many outputs there are names the first."""
    unnamed = (f"output{place}" for place in range(len(names), len(outputs)))
    return tuple(map(_fact, [*names, *unnamed][:MAX_TENSORS], outputs))


def _fact(name: str, tensor: Any) -> TensorFact:
    dtype = getattr(tensor, "dtype", None)
    shape = tuple(int(size) for size in getattr(tensor, "shape", ()))
    kind = type(tensor).__name__ if dtype is None else str(dtype)
    return TensorFact(name=name[:MAX_TENSOR_NAME], dtype=kind[:MAX_TENSOR_NAME], shape=shape[:MAX_DIMENSIONS])


def _digest(outputs: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for tensor in outputs:
        fact = _fact("", tensor)
        digest.update(f"{fact.dtype}{fact.shape}".encode())
        digest.update(tensor.tobytes() if hasattr(tensor, "tobytes") else repr(tensor).encode())
    return digest.hexdigest()
