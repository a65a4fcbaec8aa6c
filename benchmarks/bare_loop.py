"""The reference for the measuring overhead: the loop that anybody would write, knowing nothing of pifarm.

``python bare_loop.py MODEL THREADS WARM_UP COUNT`` prints the durations of COUNT inferences in nanoseconds, and a
digest of the first output, as JSON. Session options and inputs are those that the agent uses: the digest proves it.
"""

import hashlib
import json
import sys
import time
import zlib

import numpy as np
import onnxruntime as ort


def main() -> None:
    """Load, warm up, time."""
    model, threads, warm_up, count = sys.argv[1], *map(int, sys.argv[2:5])
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {
        value.name: np.random.Generator(np.random.PCG64([0, zlib.crc32(value.name.encode())]))
        .standard_normal(value.shape)
        .astype(np.float32)
        for value in session.get_inputs()
    }
    digest = hashlib.sha256()
    for output in session.run(None, feeds):
        digest.update(f"{output.dtype}{output.shape}".encode() + output.tobytes())
    for _ in range(warm_up):
        session.run(None, feeds)
    durations_ns = []
    for _ in range(count):
        began = time.perf_counter_ns()
        session.run(None, feeds)
        ended = time.perf_counter_ns()
        durations_ns.append(ended - began)
    print(json.dumps({"durations_ns": durations_ns, "output_sha256": digest.hexdigest()}))


if __name__ == "__main__":
    main()
