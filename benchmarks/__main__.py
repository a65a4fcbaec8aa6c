"""Every benchmark in turn, each in a process of its own; the test suite last.

Only by name: `repeatability`, a day, and `open_tabs`, an hour.
"""

import argparse
import json
import subprocess
import sys

NAMES = (
    "overhead",
    "agent_cost",
    "soak_cost",
    "sampler",
    "push",
    "dispatch",
    "idle",
    "large_network",
    "dashboard_scale",
    "rules",
    "faults_caught",
    "gates",
    "canary",
    "simulated_boards",
    "thermal_truth",
    "pace_truth",
    "until_ci",
    "accuracy_intervals",
    "known_truth",
    "control",
    "suite",
)


def main() -> None:
    """Run them all; exit code 1 if one could not measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every benchmark in turn.")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--only", default=",".join(NAMES), help=f"default: {','.join(NAMES)}")
    options = parser.parse_args()
    documents, failed = [], False
    for name in options.only.split(","):
        command = [sys.executable, "-m", f"benchmarks.{name}", *(["--json"] if options.json else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        failed = failed or done.returncode != 0
        if options.json and done.returncode == 0:
            documents.append(json.loads(done.stdout))
        else:
            print(done.stdout, flush=True)
    if options.json:
        print(json.dumps(documents, indent=1))
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
