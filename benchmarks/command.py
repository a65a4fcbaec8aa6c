"""The frame of every benchmark command: looks at the machine, measures, prints a table or one JSON document.

Exit code 0 when it could measure, whether targets are met or not; 1 when it could not, with the reason.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

from benchmarks.figure import Estimate, Figure, Target
from benchmarks.machine import Machine, look, machine

Option = int | float | str
Measure = Callable[[argparse.Namespace], Sequence[Figure]]
ANSWERS = {True: "met", False: "NOT MET", None: ""}
HEADER = ("figure", "unit", "pifarm", "reference", "target", "")


class CannotMeasureError(Exception):
    """Something that the benchmark needs is not here; the message says what."""


def run_command(
    name: str, purpose: str, measure: Measure, options: Mapping[str, Option] = MappingProxyType({})
) -> NoReturn:
    """Be the command `name`; `options` are by name, with the default, whose type is the option's."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=purpose)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    for option, default in options.items():
        parser.add_argument(f"--{option}", type=type(default), default=default, help=f"default: {default}")
    chosen = parser.parse_args()
    try:
        before = look()
        figures = measure(chosen)
        where = machine(before, look())
    except CannotMeasureError as reason:
        print(f"benchmarks.{name}: cannot measure: {reason}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(as_json(name, figures, where), indent=1) if chosen.json else as_text(name, figures, where))
    sys.exit(0)


def tell(text: str) -> None:
    """Say how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)


def as_json(name: str, figures: Sequence[Figure], where: Machine) -> dict[str, object]:
    """Plain data of a benchmark's result."""
    rows = [
        {
            "what": figure.what,
            "unit": figure.unit,
            "ours": dataclasses.asdict(figure.ours),
            "reference": None if figure.reference is None else dataclasses.asdict(figure.reference),
            "targets": [_target_json(target) for target in figure.targets],
            "met": figure.is_met,
        }
        for figure in figures
    ]
    return {"benchmark": name, "figures": rows, "machine": dataclasses.asdict(where) | {"was_busy": where.was_busy}}


def as_text(name: str, figures: Sequence[Figure], where: Machine) -> str:
    """A small table for people."""
    rows = [HEADER, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{name}: {where.text}", lines[0], "-" * len(lines[0]), *lines[1:]])


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.what,
        figure.unit,
        _estimate_text(figure.ours),
        "" if figure.reference is None else _estimate_text(figure.reference),
        ", ".join(map(_target_text, figure.targets)),
        ANSWERS[figure.is_met],
    )


def _estimate_text(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.center:.4g}"
    digits = max(0, 4 - len(f"{abs(estimate.center):.0f}"))
    return f"{estimate.center:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}] n={estimate.count}"


def _target_text(target: Target) -> str:
    bounds = [("<=", target.at_most), (">=", target.at_least)]
    return " and ".join(f"{target.judged.value} {sign} {bound:g}" for sign, bound in bounds if bound is not None)


def _target_json(target: Target) -> dict[str, object]:
    bounds = {"at_most": target.at_most, "at_least": target.at_least}
    return {"judged": target.judged.value} | {name: bound for name, bound in bounds.items() if bound is not None}
