"""Run the study: soak the shelf, compare by cooling, draw. `python -m examples.bare_against_fan --help`."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from examples.bare_against_fan.drawing import draw, read_soaks
from examples.bare_against_fan.shelf import MODEL, shelf, soak, wait_for, wait_until_left
from orchestrator.queries.factors import compare_by
from orchestrator.text import factor_text


def main() -> None:
    """Exit code 1 where a run was not done."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # its output is the table
    with tempfile.TemporaryDirectory(prefix="pifarm-example-", ignore_cleanup_errors=True) as folder:
        with shelf(Path(folder), options.boards, options.time_scale, options.seed) as farm:
            studies = [soak(farm, board_type, options.minutes, options.seed) for board_type in ("pi4", "pi5")]
            is_clean = wait_for(farm, studies)
            groups = [
                found
                for study in studies
                for found in compare_by(farm.database, MODEL + "/onnx", "cooling", "bare", study)
            ]
            table = factor_text.markdown(groups)
            paths = draw(read_soaks(farm.database, studies), groups, options.output, options.format)
        wait_until_left(farm)
    (options.output / "bare-against-fan.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table + "".join(f"{path}\n" for path in paths))
    sys.exit(0 if is_clean else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.bare_against_fan", description="Bare boards beside boards with a fan, all simulated."
    )
    parser.add_argument("--boards", type=int, default=3, help="boards of each of the four kinds (default: 3)")
    parser.add_argument("--minutes", type=float, default=20.0, help="of load, by the boards' clock (default: 20)")
    parser.add_argument("--time-scale", type=float, default=20.0, help="how much faster that clock is (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="other specimens, another order (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("bare-against-fan"), help="folder for table and figures")
    parser.add_argument("--format", choices=(".svg", ".png", ".pdf"), default=".svg", help="of the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
