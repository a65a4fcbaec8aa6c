"""What a runtime's own profiler says of a model: how long each operator took, over a few inferences of a run apart.

`Profiling` is part of a `RunSpec`, `Profiled` a record of its own, after the window.
"""

from dataclasses import dataclass

from agent.wire.codec import require

MAX_OPERATORS = 20_000
MAX_OPERATOR_NAME = 300
MAX_SHAPES = 100
MAX_RANK = 32
MAX_TOTAL_NS = 2**53
MAX_CALLS = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiling:
    """That a run is to be profiled after its window: so many inferences, after some that are not counted."""

    inferences: int = 20
    warm_ups: int = 5

    def __post_init__(self) -> None:
        require(1 <= self.inferences <= 1000, "inferences", "1..1000", self.inferences)
        require(0 <= self.warm_ups <= 1000, "warm_ups", "0..1000", self.warm_ups)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """One node of the graph as the runtime ran it: its calls and the time in them, all inferences together.

    `provider` is what computed it, where the runtime says so; shapes are empty where it does not.
    """

    name: str
    kind: str
    calls: int
    total_ns: int
    provider: str = ""
    inputs: tuple[tuple[int, ...], ...] = ()
    outputs: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        for field in ("name", "kind", "provider"):
            size = len(getattr(self, field))
            require(size <= MAX_OPERATOR_NAME, field, f"at most {MAX_OPERATOR_NAME} characters", size)
        require(1 <= self.calls <= MAX_CALLS, "calls", f"1..{MAX_CALLS}", self.calls)
        require(0 <= self.total_ns <= MAX_TOTAL_NS, "total_ns", f"0..{MAX_TOTAL_NS}", self.total_ns)
        for field in ("inputs", "outputs"):
            shapes = getattr(self, field)
            require(len(shapes) <= MAX_SHAPES, field, f"at most {MAX_SHAPES} shapes", len(shapes))
            for shape in shapes:
                is_sane = len(shape) <= MAX_RANK and all(0 <= size <= MAX_TOTAL_NS for size in shape)
                require(is_sane, field, f"at most {MAX_RANK} sizes of 0 or more", shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """A profile: `total_ns` is the time of the inferences as the runtime took it, its work between operators too."""

    inferences: int
    total_ns: int
    operators: tuple[OperatorTime, ...]

    def __post_init__(self) -> None:
        require(1 <= self.inferences <= MAX_CALLS, "inferences", f"1..{MAX_CALLS}", self.inferences)
        require(0 <= self.total_ns <= MAX_TOTAL_NS, "total_ns", f"0..{MAX_TOTAL_NS}", self.total_ns)
        require(len(self.operators) <= MAX_OPERATORS, "operators", f"at most {MAX_OPERATORS}", len(self.operators))
