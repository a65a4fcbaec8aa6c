"""The loops that others write, each in a fresh process: ``timed_loop.py PROCEDURE MODEL THREADS ENDS_S``.

`naive` warms up, then means over all inferences until the monotonic moment ENDS_S. `steady` is the same with a median:
for the truth. `clipped` is what ProfileModels of ultralytics 8.3 does with an ONNX file
(ultralytics/utils/benchmarks.py at cabc782): three times ten inferences to warm up, as many more as the last ten say
that 60 s hold, at least 100, and the mean of what is left when values beyond two standard deviations are left out, up
to five times over. Eight threads are its default.
Prints one JSON object: the value and what it is made of.
"""

import json
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

WARM_UP, WARM_UP_S = 10, 0.5
MIN_TIME_S, LEAST_RUNS, CLIPPED_WARM_UP, WARM_UP_ROUNDS = 60.0, 100, 10, 3
SIGMAS, CLIPPINGS = 2.0, 5
STEADY_NEEDS = 5
Floats = npt.NDArray[np.float64]


def main() -> None:
    """Load, run the procedure, say what came out."""
    procedure, model, threads, ends_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    infer = load(model, threads)
    if procedure == "clipped":
        from_s = time.monotonic()
        durations_s = time_clipped(infer, ends_s)
        value_s = float(np.mean(clip(durations_s)))
    else:
        warm_up(infer)
        from_s = time.monotonic()
        durations_s = time_until(infer, ends_s)
        value_s = float(np.median(durations_s) if procedure == "steady" else np.mean(durations_s))
    said = {"value_ns": value_s * 1e9, "count": len(durations_s), "from_s": from_s, "to_s": time.monotonic()}
    print(json.dumps(said))


def load(model: str, threads: int) -> Callable[[], object]:
    """The model with the session options that the agent uses, and seeded inputs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {
        value.name: np.random.default_rng(zlib.crc32(value.name.encode()))
        .standard_normal(value.shape)
        .astype(np.float32)
        for value in session.get_inputs()
    }
    return lambda: session.run(None, feeds)


def warm_up(infer: Callable[[], object]) -> None:
    """At least ten inferences and half a second."""
    began_s, count = time.monotonic(), 0
    while count < WARM_UP or time.monotonic() - began_s < WARM_UP_S:
        infer()
        count += 1


def time_until(infer: Callable[[], object], ends_s: float) -> Floats:
    """Durations of inferences until a moment, at least five."""
    durations_s: list[float] = []
    while time.monotonic() < ends_s or len(durations_s) < STEADY_NEEDS:
        began_s = time.perf_counter()
        infer()
        durations_s.append(time.perf_counter() - began_s)
    return np.array(durations_s)


def time_clipped(infer: Callable[[], object], ends_s: float) -> Floats:
    """Durations by the procedure of ProfileModels; where less than 60 s are left, that takes the place of its 60 s."""
    elapsed_s = 0.0
    for _ in range(WARM_UP_ROUNDS):
        began_s = time.time()
        for _ in range(CLIPPED_WARM_UP):
            infer()
        elapsed_s = time.time() - began_s
    wanted_s = min(MIN_TIME_S, max(0.0, ends_s - time.monotonic()))
    durations_s: list[float] = []
    for _ in range(max(round(wanted_s / (elapsed_s + 1e-3) * CLIPPED_WARM_UP), LEAST_RUNS)):
        began_s = time.time()
        infer()
        durations_s.append(time.time() - began_s)
    return np.array(durations_s)


def clip(durations_s: Floats) -> Floats:
    """What is left when values further than two standard deviations from the mean are left out, again and again."""
    for _ in range(CLIPPINGS):
        is_near = np.abs(durations_s - durations_s.mean()) < SIGMAS * durations_s.std()
        if is_near.all() or not is_near.any():
            return durations_s
        durations_s = durations_s[is_near]
    return durations_s


if __name__ == "__main__":
    main()
