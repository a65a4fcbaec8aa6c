"""How right networks were, in words and tables, the same at the command line and on the pages. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.queries.scores import RunScores
from orchestrator.text.numbers_text import ABSENT, count

SIMULATED = " (SIMULATED)"
WORST = 5


def columns(scores: Sequence[RunScores]) -> list[str]:
    """The columns of a table of runs; all behind the second are figures."""
    return ["variant", "device", *_metrics(scores), "examples"]


def rows(scores: Sequence[RunScores]) -> list[list[str]]:
    """A row for each run."""
    names = _metrics(scores)
    return [
        [
            each.variant,
            each.device + (SIMULATED if each.simulated else ""),
            *(figure(each.metrics.get(name)) for name in names),
            count(each.examples),
        ]
        for each in scores
    ]


def figure(fact: Mapping[str, Any] | None) -> str:
    """`0.893`, or `0.972 [0.958, 0.986]` where there is an interval."""
    if fact is None:
        return ABSENT
    interval = f" [{fact['low']:.3f}, {fact['high']:.3f}]" if "low" in fact else ""
    return f"{fact['value']:.3f}{interval}"


def headline(scores: RunScores) -> str:
    """`measured on pi5-1 (pi5): mAP50 0.893, mAP50-95 0.703; 500 examples of digits-val by seed 0, 1,719 objects`."""
    metrics = ", ".join(f"{name} {figure(fact)}" for name, fact in scores.metrics.items())
    objects = "" if scores.objects is None else f", {count(scores.objects)} objects"
    board = f"{scores.device} ({scores.board_type}){SIMULATED if scores.simulated else ''}"
    return (
        f"measured on {board}: {metrics}; {count(scores.examples)} examples of {scores.dataset} "
        f"by seed {scores.seed}{objects}"
    )


def parts(scores: RunScores) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the figures by class, and before them by size of object."""
    entries = (*scores.by_size, *scores.by_class)
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    heads = ["class or size" if name == "name" else name for name in names]
    return heads, [[_cell(entry.get(name)) for name in names] for entry in entries]


def worst(scores: RunScores) -> str:
    """`worst classes: 8 (mAP50 0.71), 9 (mAP50 0.75)`: the lowest of the first figure that has some objects."""
    name = next(iter(scores.metrics), "")
    known = sorted((entry[name], str(entry["name"])) for entry in scores.by_class if entry.get(name) is not None)
    named = ", ".join(f"{label} ({name} {value:.3f})" for value, label in known[:WORST])
    return f"worst classes: {named}" if len(known) > 1 else ""


def _metrics(scores: Sequence[RunScores]) -> list[str]:
    return list(dict.fromkeys(name for each in scores for name in each.metrics))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return ABSENT if value is None else str(value)
