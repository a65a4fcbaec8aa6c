"""Sets a published table beside a farm's own rows: latencies as they are, and as ratios, which alone compare. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.published import Published
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from orchestrator.text import numbers_text, score_text

PUBLISHED_BASELINE: Final = "converted (paper)"
OWN_BASELINE: Final = "torchscript"
ALIKE: Final[Mapping[str, tuple[str, str]]] = {
    "PyTorch": (PUBLISHED_BASELINE, OWN_BASELINE),
    "ONNX": ("converted-onnx", "onnx"),
    "ORT format": ("converted-ort", "ort"),
    "20 % pruned, PyTorch": ("converted-pruning-20", "torchscript-pruned-20"),
    "20 % pruned, ONNX": ("", "pruned-20"),
    "redesigned slimmer, PyTorch": ("test2-coco-300", "slim-torchscript"),
    "redesigned slimmer, ONNX": ("", "slim"),
    "fp16": ("", "fp16"),
    "dynamic int8": ("", "int8-dynamic"),
    "static int8": ("", "int8-static"),
}
"""What is made in the same way: the label that was published, and the farm's; empty where there is none."""
METRICS: Final = ("mAP50", "mAP50-95")
_NONE: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A published result and the farm's row of a variant made in the same way; either may be missing."""

    name: str
    published: Published | None
    own: LeaderboardRow | None


def pair(published: Sequence[Published], rows: Sequence[LeaderboardRow]) -> list[Beside]:
    """Everything that `ALIKE` names and that either side has, in its order."""
    theirs = {each.variant: each for each in published}
    ours = {row.variant.partition("@")[0]: row for row in rows}
    pairs = [Beside(name=name, published=theirs.get(their), own=ours.get(our)) for name, (their, our) in ALIKE.items()]
    return [each for each in pairs if each.published is not None or each.own is not None]


def markdown(pairs: Sequence[Beside]) -> str:
    """A table; `over PyTorch` is the latency as a share of the one of PyTorch's row on the same side."""
    sides = ("published", "over PyTorch", *METRICS, "here", "over PyTorch", *METRICS)
    their_base = next((each.published for each in pairs if each.published and _is_their_base(each.published)), None)
    our_base = next((each.own for each in pairs if each.name == "PyTorch"), None)
    lines = [_line(["variant", *sides]), _line(["---", *["---:"] * len(sides)])]
    for each in pairs:
        theirs, ours = _published_cells(each.published, their_base), _own_cells(each.own, our_base)
        lines.append(_line([each.name, *theirs, *ours]))
    return "\n".join(lines) + "\n"


def _is_their_base(published: Published) -> bool:
    return published.variant == PUBLISHED_BASELINE


def _published_cells(published: Published | None, base: Published | None) -> list[str]:
    if published is None:
        return [_NONE] * 4
    share = None if base is None else published.latency_ms / base.latency_ms
    metrics = [numbers_text.plain(published.metrics.get(name)) for name in METRICS]
    return [numbers_text.ms(published.latency_ms), numbers_text.ratio(share), *metrics]


def _own_cells(row: LeaderboardRow | None, base: LeaderboardRow | None) -> list[str]:
    if row is None:
        return [_NONE] * 4
    share = None if base is None else row.median_ms / base.median_ms
    latency = numbers_text.ms_with_interval(row.median_ms, row.ci_low_ms, row.ci_high_ms)
    metrics = [_metric(row.metrics.get(name)) for name in METRICS]
    return [latency, numbers_text.ratio(share), *metrics]


def _metric(fact: Mapping[str, Any] | None) -> str:
    return numbers_text.ABSENT if fact is None else f"{score_text.figure(fact)} ({fact['source']})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
