"""The leaderboard as the contract has it: groups, ranks, ties, speedups, and what was left out with its reason."""

import dataclasses
import math
from typing import Any

import pytest
from sqlalchemy import select, update

from agent.wire.spec import Regime
from orchestrator.attending.lifecycle import RunState, StudyKind, Verdict
from orchestrator.db.model_tables import BuildRow, VariantRow
from orchestrator.db.session import Database
from orchestrator.db.tables import AttemptRow, RunRow, StudyRow
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.protocols import preset
from orchestrator.queries.leaderboard import leaderboard
from orchestrator.queries.leaderboard_rows import LeaderboardRow
from tests import factories
from tests.orchestrator.queries.conftest import CountStatements

KEYS = [
    *("group", "rank", "tied_with", "provisional", "model", "variant", "format", "runtime", "runtime_version"),
    *("threads", "devices", "board", "simulated", "regime", "protocol", "runs", "samples", "median_ms", "ci_low_ms"),
    *("ci_high_ms", "p90_ms", "p99_ms", "first_ms", "load_ms", "throughput_per_s", "speedup", "speedup_ci", "metrics"),
    *("size_bytes", "peak_rss_bytes", "energy_j", "verdicts", "pareto"),
]


def one_device(database: Database, medians_ms: dict[str, float], **options: Any) -> int:
    """A measured study of one build for each median, on one Pi 5."""
    metrics = options.pop("metrics", None)
    sizes = options.pop("sizes", None)
    protocol, blocks = options.pop("protocol", "standard"), options.pop("blocks", 3)
    factories.add_device(database)
    factories.add_model(database, labels=tuple(medians_ms), metrics=metrics, sizes=sizes)
    study = factories.add_study(database, protocol=protocol, blocks=blocks)
    factories.measure(database, study, medians_ms, **options)
    return study


def ranks(database: Database, **options: Any) -> list[tuple[str, int]]:
    return [(row.variant.partition("@")[0], row.rank) for row in leaderboard(database, **options).rows]


def row_of(database: Database, label: str) -> LeaderboardRow:
    return next(row for row in leaderboard(database).rows if row.variant.startswith(f"{label}@"))


def test_the_keys_of_the_contract_come_first_and_in_its_order() -> None:
    assert [field.name for field in dataclasses.fields(LeaderboardRow)][: len(KEYS)] == KEYS


def test_variants_are_ranked_with_the_figures_of_their_runs(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    best, last = leaderboard(database).rows
    assert (best.variant, best.rank, last.variant, last.rank) == ("int8@onnxruntime,t4", 1, "fp32@onnxruntime,t4", 2)
    assert (best.runs, best.samples, best.devices, best.threads) == (3, 120, ("pi5-1",), 4)
    assert best.median_ms == pytest.approx(70, rel=0.02)
    assert best.ci_low_ms is not None
    assert best.ci_high_ms is not None
    assert best.ci_low_ms < best.median_ms < best.ci_high_ms
    assert best.throughput_per_s == pytest.approx(1000 / best.median_ms)
    assert (best.board, best.group.board_type, best.regime) == ("Raspberry Pi 5 Model B Rev 1.0", "pi5", "burst")
    assert best.verdicts == {"valid": 3, "suspect": 0, "invalid": 0}


def test_equal_variants_are_tied_and_name_each_other(database: Database) -> None:
    one_device(database, {"a": 100.0, "b": 100.1, "c": 130.0}, blocks=5)
    assert sorted(ranks(database)) == [("a", 1), ("b", 1), ("c", 3)]
    assert row_of(database, "a").tied_with == ("b@onnxruntime,t4",)


def test_a_speedup_refers_to_the_baseline_and_covers_the_truth(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=5)
    row = row_of(database, "int8")
    assert row.speedup_ci is not None
    assert row.speedup_ci[0] < 100 / 70 < row.speedup_ci[1]
    assert row.speedup == pytest.approx(row_of(database, "fp32").median_ms / row.median_ms)
    assert (row_of(database, "fp32").speedup, row_of(database, "fp32").speedup_ci) == (1.0, None)


def test_without_a_common_block_a_speedup_has_no_interval(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=1)
    assert row_of(database, "int8").speedup == pytest.approx(100 / 70, rel=0.05)
    assert row_of(database, "int8").speedup_ci is None


def test_one_run_has_no_interval_and_no_rank_of_its_own(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=1)
    rows = leaderboard(database).rows
    assert [(row.rank, row.ci_low_ms, row.ci_high_ms) for row in rows] == [(1, None, None)] * 2
    assert rows[0].tied_with == (rows[1].variant,)


def test_a_percentile_that_a_run_is_too_short_for_is_null(database: Database) -> None:
    one_device(database, {"fp32": 100.0}, samples=29)
    assert (row_of(database, "fp32").p90_ms, row_of(database, "fp32").p99_ms) == (None, None)


def test_simulated_boards_never_share_a_group_with_real_ones(database: Database) -> None:
    example = factories.fill(database)
    rows = leaderboard(database).rows
    assert {(row.group.source, row.simulated, row.devices) for row in rows} == {
        ("measured", False, (example.devices[0],)),
        ("simulated", True, (example.devices[1],)),
    }
    assert sorted(row.rank for row in rows) == [1, 1, 2, 2]


def test_ranks_restart_for_each_protocol_and_quick_is_provisional(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    quick = factories.add_study(database, protocol="quick", blocks=1)
    factories.measure(database, quick, {"fp32": 100.0, "int8": 70.0})
    rows = leaderboard(database).rows
    assert {(row.protocol, row.provisional, row.regime) for row in rows} == {
        ("standard", False, "burst"),
        ("quick", True, "burst"),
    }
    assert {row.rank for row in leaderboard(database, study=quick).rows} == {1}


def test_several_boards_of_a_type_are_one_row_with_each_board_in_it(database: Database) -> None:
    names = ("pi5-1", "pi5-2", "pi5-3")
    for name in names:
        factories.add_device(database, name)
    factories.add_model(database)
    study = factories.add_study(database, devices=names)
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})
    best, last = leaderboard(database).rows
    assert (best.rank, last.rank, best.devices, best.runs) == (1, 2, names, 9)
    assert sorted(best.device_median_ms) == list(names)
    assert sorted(best.device_median_ms.values())[1] == pytest.approx(best.median_ms)
    assert ranks(database, device="pi5-2") == [("int8", 1), ("fp32", 2)]


def test_only_counted_valid_and_suspect_runs_rank_and_the_rest_is_listed(database: Database) -> None:
    study = one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=4)
    invalid, failed, cancelled, suspect = factories.run_ids(database, study, label="int8")
    reason = {"code": "throttled", "text": "throttled: 3 counted samples; cool the board"}
    factories.change_run(database, invalid, verdict=Verdict.INVALID, reasons=[reason])
    factories.change_run(
        database,
        failed,
        state=RunState.FAILED,
        verdict=None,
        counted_attempt=None,
        code="killed",
        message="SIGILL",
    )
    factories.change_run(database, cancelled, state=RunState.CANCELLED, verdict=None, counted_attempt=None)
    factories.change_run(database, suspect, verdict=Verdict.SUSPECT)
    board = leaderboard(database)
    row = next(row for row in board.rows if row.variant.startswith("int8"))
    assert (row.runs, row.verdicts) == (1, {"valid": 0, "suspect": 1, "invalid": 1})
    assert {(run.run, run.code, run.reason) for run in board.excluded} == {
        (invalid, "throttled", "throttled: 3 counted samples; cool the board"),
        (failed, "killed", "SIGILL"),
        (cancelled, "cancelled", "the run is cancelled"),
    }
    assert {(run.study, run.variant, run.device) for run in board.excluded} == {(study, "int8@onnxruntime,t4", "pi5-1")}


def test_what_still_waits_is_neither_ranked_nor_left_out(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    factories.add_study(database)
    board = leaderboard(database)
    assert (sum(row.runs for row in board.rows), board.excluded) == (6, ())


def test_runs_of_another_runtime_version_are_left_out_with_the_reason(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    older = factories.add_study(database, blocks=2)
    factories.measure(database, older, {"fp32": 120.0, "int8": 90.0}, runtime_version="1.31.0")
    board = leaderboard(database)
    assert {row.runtime_version for row in board.rows} == {"1.32.0"}
    assert {(run.study, run.code) for run in board.excluded} == {(older, "runtime-version-differs")}
    assert "1.31.0 here, 1.32.0 there" in board.excluded[0].reason


def test_runs_of_a_protocol_that_changed_under_its_name_are_left_out_with_the_reason(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    changed = dataclasses.replace(preset("standard").protocol, telemetry_period_s=0.5)
    study = factories.add_study(database, protocol=changed, blocks=1)
    factories.measure(database, study, {"fp32": 100.0, "int8": 70.0})
    assert {(run.study, run.code) for run in leaderboard(database).excluded} == {(study, "protocol-differs")}
    assert leaderboard(database, study=study).excluded == ()


@pytest.mark.parametrize(
    ("fact", "value", "code"),
    [("governor", "ondemand", "governor-differs"), ("clock_limit_hz", 1.5e9, "clock-limit-differs")],
)
def test_runs_of_a_board_in_another_state_are_left_out_with_the_reason(
    database: Database, fact: str, value: object, code: str
) -> None:
    study = one_device(database, {"fp32": 100.0, "int8": 70.0})
    odd = factories.run_ids(database, study, label="int8")[0]
    with database.write() as session:
        attempt = session.scalars(select(AttemptRow).where(AttemptRow.run_id == odd)).one()
        environment = attempt.environment or {}
        attempt.environment = {**environment, "facts": {**environment["facts"], fact: value}}
    assert [(run.run, run.code) for run in leaderboard(database).excluded] == [(odd, code)]


def test_start_groups_of_a_study_are_never_paired(database: Database) -> None:
    study = one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=5)
    assert row_of(database, "int8").speedup_ci is not None
    for run in factories.run_ids(database, study, label="int8"):
        factories.change_run(database, run, start_group=1)
    assert row_of(database, "int8").speedup_ci is None
    assert row_of(database, "int8").rank == 1


def test_canaries_are_ranked_only_where_their_study_is_named(database: Database) -> None:
    study = one_device(database, {"fp32": 100.0})
    with database.write() as session:
        session.get_one(StudyRow, study).kind = StudyKind.CANARY
    assert leaderboard(database).rows == ()
    assert len(leaderboard(database, study=study).rows) == 1


def test_p90_is_that_of_the_median_run_and_has_an_interval(database: Database) -> None:
    one_device(database, {"fp32": 100.0}, blocks=5)
    row = row_of(database, "fp32")
    assert row.p90_ms is not None
    assert row.p90_ci_low_ms is not None
    assert row.p90_ci_high_ms is not None
    assert row.p90_ci_low_ms < row.p90_ms < row.p90_ci_high_ms
    assert row.median_ms < row.p90_ms


def test_a_row_says_what_could_have_been_told_and_how_boards_differ(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=5)
    row = row_of(database, "int8")
    assert row.detectable == pytest.approx(1.06, abs=0.04)
    assert row.board_cv is None
    names = ("pi4-1", "pi4-2", "pi4-3")
    for name in names:
        factories.add_device(database, name, board_type="pi4")
    factories.measure(database, factories.add_study(database, devices=names), {"fp32": 100.0, "int8": 70.0})
    best = next(row for row in leaderboard(database).rows if row.group.board_type == "pi4")
    assert best.board_cv is not None
    assert 0 < best.board_cv < 0.03


def test_the_front_weighs_latency_size_and_the_metric_that_all_have(database: Database) -> None:
    metrics = {"fp32": {"mAP50": 0.70}, "int8": {"mAP50": 0.68}, "poor": {"mAP50": 0.60}}
    sizes = {"fp32": 100, "int8": 50, "poor": 60}
    one_device(database, {"fp32": 100.0, "int8": 70.0, "poor": 90.0}, metrics=metrics, sizes=sizes)
    assert {row.variant.partition("@")[0]: row.pareto for row in leaderboard(database).rows} == {
        "fp32": True,
        "int8": True,
        "poor": False,
    }
    assert row_of(database, "int8").metrics == {"mAP50": {"value": 0.68, "source": "declared"}}


def test_peak_memory_and_energy_are_weighed_to_two_digits_where_all_have_them(database: Database) -> None:
    def front(**changes: dict[str, float]) -> dict[str, bool | None]:
        with database.write() as session:
            for label, values in changes.items():
                ids = select(RunRow.id).join(VariantRow).join(BuildRow).where(BuildRow.label == label)
                session.execute(update(RunRow).where(RunRow.id.in_(ids)).values(**values))
        return {row.variant.partition("@")[0]: row.pareto for row in leaderboard(database).rows}

    one_device(database, {"fp32": 100.0, "ort": 70.0}, metrics={"fp32": {"mAP50": 0.7}, "ort": {"mAP50": 0.7}})
    assert front(fp32={"energy_j": 1.0}) == {"fp32": False, "ort": True}, "energy of one alone is no axis"
    assert front(ort={"energy_j": 1.001}) == {"fp32": False, "ort": True}
    assert front(ort={"energy_j": 1.2}) == {"fp32": True, "ort": True}
    lean, fat = {"energy_j": 1.0, "peak_rss_bytes": 50_000_000}, {"energy_j": 1.0, "peak_rss_bytes": 90_000_000}
    assert front(fp32=lean, ort=fat) == {"fp32": True, "ort": True}


def test_without_a_common_metric_there_is_no_front(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, metrics={"fp32": {"mAP50": 0.7}})
    assert {row.pareto for row in leaderboard(database).rows} == {None}


def test_what_was_declared_is_not_weighed_against_what_was_measured(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0}, metrics={"fp32": {"mAP50": 0.7}, "int8": {"mAP50": 0.6}})
    shown = {"mAP50": {"value": 0.6, "source": "measured", "dataset": "pets", "examples": 2}}
    with database.write() as session:
        session.execute(update(BuildRow).where(BuildRow.label == "int8").values(metrics=shown))
    assert {row.pareto for row in leaderboard(database).rows} == {None}


def test_a_wide_spread_between_runs_is_marked(database: Database) -> None:
    one_device(database, {"fp32": 100.0}, blocks=5, cv=0.10)
    row = row_of(database, "fp32")
    assert row.run_cv is not None
    assert row.run_cv > 0.031
    assert "runs on pi5-1 differ by" in row.marks[0]


def test_variants_of_one_build_that_differ_in_options_are_rows_of_their_own(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 70.0})
    with database.write() as session:
        row = session.get_one(VariantRow, 2)
        row.options, row.options_key = {"allow_spinning": False}, '{"allow_spinning":false}'
    assert "int8@onnxruntime,t4,allow_spinning=false" in {row.variant for row in leaderboard(database).rows}


def test_a_margin_turns_small_differences_into_ties(database: Database) -> None:
    one_device(database, {"fp32": 100.0, "int8": 95.0}, blocks=5, cv=0.002)
    assert ranks(database, margin=0.0) == [("int8", 1), ("fp32", 2)]
    assert {rank for _, rank in ranks(database, margin=0.10)} == {1}


def test_filters_leave_what_they_name(database: Database) -> None:
    example = factories.fill(database)
    factories.add_model(database, "other", ("fp32",))
    other = factories.add_study(database, model="other", devices=("pi5-1",))
    factories.measure(database, other, {"fp32": 10.0})
    assert {row.model for row in leaderboard(database, model="other").rows} == {"other"}
    assert {row.model for row in leaderboard(database, study=example.study).rows} == {factories.MODEL}
    assert {row.devices for row in leaderboard(database, device="pi5-sim").rows} == {("pi5-sim",)}
    assert leaderboard(database, regime=Regime.SUSTAINED).rows == ()
    assert len(leaderboard(database, regime="burst").rows) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [({"study": 99}, "study: 99 is unknown; there are 1"), ({"device": "pi9"}, "pi5-1"), ({"model": "x"}, "yolov9-c")],
)
def test_an_unknown_name_lists_what_there_is(database: Database, options: dict[str, Any], message: str) -> None:
    factories.fill(database)
    with pytest.raises(NotFoundError, match=message):
        leaderboard(database, **options)


@pytest.mark.parametrize(
    ("options", "message"), [({"regime": "cold"}, "burst, sustained"), ({"margin": 2.0}, "margin")]
)
def test_bad_options_are_refused(database: Database, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        leaderboard(database, **options)


def test_an_empty_farm_has_an_empty_leaderboard(database: Database) -> None:
    board = leaderboard(database)
    assert (board.rows, board.excluded) == ((), ())


def test_no_blob_is_opened_and_the_number_of_statements_is_constant(
    database: Database, statements: CountStatements
) -> None:
    factories.fill(database)
    with statements(database) as few:
        leaderboard(database)
    factories.add_model(database, "other", [f"v{index}" for index in range(5)])
    study = factories.add_study(database, model="other", devices=("pi5-1",))
    factories.measure(database, study, {f"v{index}": 10.0 + index for index in range(5)})
    with statements(database) as more:
        rows = leaderboard(database).rows
    assert len(rows) == 9
    assert len(few) == len(more) <= 7
    assert not any("chunks" in statement for statement in more)


def test_figures_are_finite(database: Database) -> None:
    factories.fill(database)
    for row in leaderboard(database).rows:
        values = [value for value in dataclasses.asdict(row).values() if isinstance(value, float)]
        assert all(math.isfinite(value) for value in values)


def test_a_study_that_went_on_until_narrow_says_what_its_intervals_cover(database: Database) -> None:
    study = one_device(database, {"fp32": 100.0, "int8": 70.0}, blocks=8)
    with database.write() as session:
        session.get_one(StudyRow, study).until_ci = 0.01
    assert "they cover about 93 %, not 95 %" in row_of(database, "int8").marks[-1]


def test_a_sweep_is_never_ranked_and_says_why(database: Database) -> None:
    study = one_device(database, {"fp32": 100.0}, protocol="sweep", blocks=1)
    board = leaderboard(database)
    (run,) = factories.run_ids(database, study)
    assert board.rows == ()
    assert [(each.run, each.code) for each in board.excluded] == [(run, "sweep")]
    assert board.excluded[0].reason.endswith(f"it has no latency of its own; pifarm run show {run}")
