"""The figures of the study: temperature against latency, heating above the room, and boards by their cooling."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestrator.analysis.thermal.curve import Soak, soak_of
from orchestrator.charts.figures.response import Against, Branch, response_chart
from orchestrator.charts.figures.rise import Rise, rise_chart
from orchestrator.charts.render import Chart, save_figure
from orchestrator.db.session import Database
from orchestrator.figures.factors import factor_figure
from orchestrator.queries.account import read_facts
from orchestrator.queries.factors import FactorComparison
from orchestrator.queries.runs import list_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """What boards of one type and cooling went through, under the name of both."""

    board_type: str
    name: str
    soaks: Sequence[Soak]


def read_soaks(database: Database, studies: Sequence[int]) -> list[Soaked]:
    """The soaks of these studies that were done, by board type and cooling."""
    found: dict[tuple[str, str], list[Soak]] = {}
    for study in studies:
        for run in list_runs(database, study=study):
            facts = read_facts(database, run.run) if run.samples is not None else None
            if facts is not None and run.labels is not None:
                found.setdefault((run.board_type, run.labels["cooling"]), []).append(soak_of(facts))
    return [
        Soaked(board_type=board_type, name=f"{board_type.replace('pi', 'Pi ')}, {cooling}", soaks=soaks)
        for (board_type, cooling), soaks in sorted(found.items())
    ]


def draw(soaked: Sequence[Soaked], groups: Sequence[FactorComparison], folder: Path, suffix: str) -> list[Path]:
    """Write every figure into `folder`, in the format that `suffix` (.svg, .png, .pdf) names; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, chart in _charts(soaked, groups):
        paths.append(folder / f"bare-against-fan-{name}{suffix}")
        save_figure(chart, paths[-1])
    return paths


def _charts(soaked: Sequence[Soaked], groups: Sequence[FactorComparison]) -> Iterator[tuple[str, Chart]]:
    for board_type in sorted({each.board_type for each in soaked}):
        branches = [_branch(each) for each in soaked if each.board_type == board_type]
        yield f"temperature-{board_type}", response_chart(branches, Against.TEMPERATURE)
    yield "heating", rise_chart([_rise(each) for each in soaked])
    for found in groups:
        yield f"latency-{found.group.board_type}", factor_figure(found).chart


def _branch(own: Soaked) -> Branch:
    """All inferences of all boards: each by the die's temperature while it ran."""
    return Branch(
        name=own.name,
        at=np.concatenate([soak.mean_over_inferences(soak.die_c) for soak in own.soaks]),
        latency_ms=np.concatenate([soak.durations_s * 1e3 for soak in own.soaks]),
        simulated=True,
    )


def _rise(own: Soaked) -> Rise:
    """One board of them, from its recorded idle to the end of its recorded cooling."""
    soak = own.soaks[0]
    return Rise(name=own.name, at_s=soak.at_s, rise_c=soak.die_c - (soak.room_c or 0.0), simulated=True)
