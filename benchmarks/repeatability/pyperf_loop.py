"""The model under pyperf's own Runner, with its defaults for all but the number of processes, which the caller gives.

``pyperf_loop.py --model MODEL --threads N --processes N --output FILE``; FILE is pyperf's own format.
"""

import argparse
import time

import pyperf

from benchmarks.repeatability.timed_loop import load

MODULE = "benchmarks.repeatability.pyperf_loop"


def main() -> None:
    """Be the manager, or one of its workers."""
    runner = pyperf.Runner(program_args=("-m", MODULE), add_cmdline_args=_pass_on)
    runner.argparser.add_argument("--model", required=True)
    runner.argparser.add_argument("--threads", type=int, required=True)
    options = runner.parse_args()
    infer = load(options.model, options.threads) if options.worker else None

    def time_loops(loops: int) -> float:
        assert infer is not None, "only workers time"
        began_s = time.perf_counter()
        for _ in range(loops):
            infer()
        return time.perf_counter() - began_s

    runner.bench_time_func("model", time_loops)


def _pass_on(command: list[str], options: argparse.Namespace) -> None:
    command += ["--model", options.model, "--threads", str(options.threads)]


if __name__ == "__main__":
    main()
