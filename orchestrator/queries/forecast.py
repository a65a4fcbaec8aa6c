"""What a study that is about to be submitted will take, from what the farm knows of its boards and of the model."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from orchestrator.analysis.comparison import MARGIN
from orchestrator.analysis.forecast import (
    Board,
    BoardForecast,
    Known,
    Scatter,
    forecast_boards,
    pool_scatter,
)
from orchestrator.analysis.power import blocks_needed, reachable_ratio
from orchestrator.attending.lifecycle import RunState, StudyKind, Verdict
from orchestrator.db.model_tables import ModelRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, DeviceRow, RunRow, StudyDeviceRow, StudyRow
from orchestrator.queries.cool_down import known_taus_s
from orchestrator.queries.work_left import seconds_before
from orchestrator.studies import Outline, Submission

MOST_READ = 5000
WANTED_RATIOS = (1.03, 1.05, 1.10)
COMPARED_KINDS = (StudyKind.SUBMITTED, StudyKind.CANARY)
USUAL_STEPS = 5  # of a search for the highest rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A ratio that somebody may want to find, and the blocks that it takes; null where no number of them would do."""

    ratio: float
    blocks: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """What four of five such studies tell apart beyond the margin, on one board and among all its variants.

    `reachable` is the smallest ratio that the study's blocks find, null below two blocks.
    """

    margin: float
    reachable: float | None
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a study takes on each board, how its runs may be expected to scatter, and what it finds if they do.

    `most_blocks` is more than `blocks` where results say what is added: the figures are for `blocks`. `finds` is null
    for a single variant, and for what is not compared: a search, whose blocks are steps, a profile, answers.
    """

    blocks: int
    most_blocks: int
    variants: int
    runs: int
    boards: tuple[BoardForecast, ...]
    done_in_s: float
    scatter: Scatter
    finds: Finds | None


def forecast_study(database: Database, submission: Submission, outline: Outline) -> Forecast:
    """The forecast for a submission with this outline; reads a fixed number of statements and no blob."""
    blocks = submission.blocks if submission.search is None else min(USUAL_STEPS, submission.search.most_steps)
    with database.read() as session:
        devices = session.scalars(select(DeviceRow).where(DeviceRow.id.in_(outline.device_ids))).all()
        devices = sorted(devices, key=lambda device: device.name)
        known = _known(session, submission, devices)
        lanes = {device.id: device.name if outline.is_scripted else device.machine_key for device in devices}
        runs = {lane: blocks * outline.variants * count for lane, count in Counter(lanes.values()).items()}
        before_s = seconds_before(session, runs, submission.priority)
        scatter = pool_scatter(_alike(session, submission, {device.board_type for device in devices}))
    boards = [
        Board(
            device=device.name,
            lane=lanes[device.id],
            queued_s=before_s[lanes[device.id]],
            known=known[device.id],
        )
        for device in devices
    ]
    forecasts = forecast_boards(submission.protocol, outline.variants, blocks, boards)
    return Forecast(
        blocks=blocks,
        most_blocks=submission.most_blocks,
        variants=outline.variants,
        runs=sum(each.runs for each in forecasts),
        boards=forecasts,
        done_in_s=max((each.done_in_s for each in forecasts), default=0.0),
        scatter=scatter,
        finds=_finds(scatter.cv, blocks, outline.variants) if submission.kind in COMPARED_KINDS else None,
    )


def _finds(cv: float, blocks: int, variants: int) -> Finds | None:
    if variants < 2:
        return None
    return Finds(
        margin=MARGIN,
        reachable=reachable_ratio(cv, blocks, variants, MARGIN),
        wanted=tuple(Wanted(ratio=ratio, blocks=blocks_needed(cv, ratio, variants, MARGIN)) for ratio in WANTED_RATIOS),
    )


def _known(session: Session, submission: Submission, devices: Sequence[DeviceRow]) -> Mapping[int, Known]:
    medians_s = _median_latencies_s(session, submission, {device.board_type for device in devices})
    known = {
        device.id: Known(
            has_temperature="temperature_c" not in device.probe.get("absent", ()),
            median_s=medians_s.get(device.board_type),
        )
        for device in devices
    }
    _add_equilibria(session, known)
    _add_gates(session, submission, known)
    return known


def _add_equilibria(session: Session, known: dict[int, Known]) -> None:
    """What the newest studies found of idle temperatures, and how the boards cool."""
    query = (
        select(StudyDeviceRow.device_id, StudyDeviceRow.idle_c)
        .where(StudyDeviceRow.device_id.in_(known), StudyDeviceRow.idle_c.is_not(None))
        .order_by(StudyDeviceRow.study_id)
    )
    for device_id, idle_c in session.execute(query):
        known[device_id] = replace(known[device_id], idle_c=idle_c)
    for device_id, tau_s in known_taus_s(session, known).items():
        known[device_id] = replace(known[device_id], tau_s=tau_s)


def _add_gates(session: Session, submission: Submission, known: dict[int, Known]) -> None:
    """What gates of the same protocol waited lately, and what the model's runs took after them.

    Answering lasts as long as there are examples, under one protocol's name: what it took is taken by the example.
    """
    answers = submission.protocol.window.min_inferences if submission.kind is StudyKind.ACCURACY else None
    counted = and_(AttemptRow.run_id == RunRow.id, AttemptRow.number == RunRow.counted_attempt)
    took_s = AttemptRow.closed_at_s - AttemptRow.started_at_s
    query = (
        select(
            RunRow.device_id, RunRow.block + RunRow.position, ModelRow.name, AttemptRow.gate, took_s, StudyRow.protocol
        )
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .join(AttemptRow, counted)
        .where(
            RunRow.device_id.in_(known),
            StudyRow.protocol_name == submission.protocol.name,
            AttemptRow.gate.is_not(None),
        )
        .order_by(RunRow.ended_at_s.desc())
        .limit(MOST_READ)
    )
    by_device: dict[int, list[_Gate]] = {}
    for device_id, place, model, gate, seconds, protocol in session.execute(query):
        took = _gate(gate, is_first=place == 0, took_s=seconds if model == submission.model else None)
        if answers is not None and took.rest_s is not None:
            took = replace(took, rest_s=took.rest_s * answers / protocol["window"]["min_inferences"])
        by_device.setdefault(device_id, []).append(took)
    for device_id, gates in by_device.items():
        rests_s = [gate.rest_s for gate in gates if gate.rest_s is not None]
        known[device_id] = replace(
            known[device_id],
            first_waits_s=tuple(gate.waited_s for gate in gates if gate.is_first),
            waits_s=tuple(gate.waited_s for gate in gates if not gate.is_first),
            rest_s=sum(rests_s) / len(rests_s) if rests_s else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    waited_s: float
    is_first: bool
    rest_s: float | None


def _gate(gate: Mapping[str, Any], *, is_first: bool, took_s: float | None) -> _Gate:
    waited_s = float(gate["waited_s"])
    return _Gate(
        waited_s=waited_s,
        is_first=is_first,
        rest_s=None if took_s is None or took_s < waited_s else took_s - waited_s,
    )


def _median_latencies_s(session: Session, submission: Submission, board_types: set[str]) -> Mapping[str, float]:
    """The mean latency of the model's inferences on each type of board, over all its variants there."""
    query = (
        select(DeviceRow.board_type, func.avg(RunRow.median_ns))
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .where(ModelRow.name == submission.model, DeviceRow.board_type.in_(board_types), RunRow.median_ns.is_not(None))
        .group_by(DeviceRow.board_type)
    )
    return {board_type: float(mean_ns) / 1e9 for board_type, mean_ns in session.execute(query)}


def _alike(session: Session, submission: Submission, board_types: set[str]) -> Iterator[list[float]]:
    """Medians of runs that should be alike, of this model under this protocol on such boards."""
    key = (RunRow.study_id, RunRow.device_id, RunRow.variant_id, RunRow.start_group)
    query = (
        select(*key, RunRow.median_ns)
        .join(DeviceRow, DeviceRow.id == RunRow.device_id)
        .join(StudyRow, StudyRow.id == RunRow.study_id)
        .join(ModelRow, ModelRow.id == StudyRow.model_id)
        .where(
            ModelRow.name == submission.model,
            StudyRow.protocol_name == submission.protocol.name,
            DeviceRow.board_type.in_(board_types),
            RunRow.state == RunState.DONE,
            RunRow.verdict != Verdict.INVALID,
            RunRow.median_ns.is_not(None),
        )
        .order_by(*(column.desc() for column in key))
        .limit(MOST_READ)
    )
    for _, group in itertools.groupby(session.execute(query), key=lambda row: tuple(row[:-1])):
        yield [row[-1] for row in group if row[-1] is not None]
