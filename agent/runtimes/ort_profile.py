"""Reads the trace that ONNX Runtime's profiler writes: a JSON list of events, in the form of Chrome's traces.

What is used of an event: ``cat`` (Node, Session), ``name``, ``dur`` in microseconds, of ``args`` op_name, provider and
shapes. Fields have come and gone between versions; whatever is missing or strange is left out, not guessed. The
events of the first inferences are those of warming up, and are not counted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.wire.profile import MAX_OPERATOR_NAME, MAX_RANK, MAX_SHAPES, OperatorTime, Profiled

_KERNEL = "_kernel_time"
_RUN = "model_run"
_SIZE = re.compile(r"^-?\d+$")
Shapes = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Node:
    kind: str
    provider: str
    inputs: Shapes
    outputs: Shapes
    durations_us: list[float] = field(default_factory=list)


def read_trace(events: Iterable[Any], *, warm_ups: int) -> Profiled | None:
    """The profile in a trace's events, its first `warm_ups` inferences left out; None where it shows no inference."""
    nodes: dict[str, _Node] = {}
    runs_us: list[float] = []
    for event in events:
        if not isinstance(event, Mapping) or not isinstance(event.get("dur"), (int, float)):
            continue
        name = str(event.get("name", ""))
        if event.get("cat") == "Session" and name == _RUN:
            runs_us.append(float(event["dur"]))
        elif event.get("cat") == "Node" and name.endswith(_KERNEL):
            _note(nodes, name.removesuffix(_KERNEL), event)
    counted = len(runs_us) - warm_ups
    if counted < 1:
        return None
    operators = [found for name, node in nodes.items() if (found := _operator(name, node, len(runs_us), warm_ups))]
    total_ns = round(1000 * sum(runs_us[warm_ups:]))
    return Profiled(inferences=counted, total_ns=total_ns, operators=tuple(operators))


def _note(nodes: dict[str, _Node], name: str, event: Mapping[str, Any]) -> None:
    given = event.get("args")
    args: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    node = nodes.get(name)
    if node is None:
        node = nodes[name] = _Node(
            kind=str(args.get("op_name", "unknown")),
            provider=str(args.get("provider", "")),
            inputs=_shapes(args.get("input_type_shape")),
            outputs=_shapes(args.get("output_type_shape")),
        )
    node.durations_us.append(float(event["dur"]))


def _operator(name: str, node: _Node, runs: int, warm_ups: int) -> OperatorTime | None:
    """Its time in the counted inferences; a node in a loop runs several times in each."""
    first = len(node.durations_us) * warm_ups // runs
    counted = node.durations_us[first:]
    if not counted:
        return None
    return OperatorTime(
        name=name[:MAX_OPERATOR_NAME],
        kind=node.kind[:MAX_OPERATOR_NAME],
        calls=len(counted),
        total_ns=max(0, round(1000 * sum(counted))),
        provider=node.provider[:MAX_OPERATOR_NAME],
        inputs=node.inputs,
        outputs=node.outputs,
    )


def _shapes(given: Any) -> Shapes:
    """``[{"float": [1, 3, 8, 8]}, ...]`` as sizes; a list or a text of sizes is taken too."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return ()
    found = []
    for each in given[:MAX_SHAPES]:
        sizes = next(iter(each.values()), None) if isinstance(each, Mapping) else each
        if not isinstance(sizes, Sequence) or isinstance(sizes, str):
            return ()
        if len(sizes) > MAX_RANK or not all(_SIZE.match(str(size)) and int(size) >= 0 for size in sizes):
            return ()
        found.append(tuple(int(size) for size in sizes))
    return tuple(found)
