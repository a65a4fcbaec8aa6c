"""An exported study: everything is in it, exact, marked and checked, and its folder is whole or not there."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from benchmarks.thermal_truth.soaks import Plan, simulate, specimen
from orchestrator.db.session import Database
from orchestrator.db.tables import ChunkRow
from orchestrator.errors import InternalError, NotFoundError, SpecError
from orchestrator.export import SCHEMA_VERSION, TABLES, export_study
from orchestrator.queries.runs import list_runs, run_series
from tests import factories
from tests.soaked import measure_soaks

FILES = {f"{table}.{ending}" for table in TABLES for ending in ("csv", "parquet")}
BESIDE = {"manifest.json", "methods.txt"}


def read_parquet(folder: Path, table: str) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = parquet.read_table(folder / f"{table}.parquet").to_pydict()
    return columns


def read_csv(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_run_and_every_inference_is_exported_exactly(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == FILES | BESIDE
    runs, inferences = read_parquet(folder, "runs"), read_parquet(folder, "inferences")
    assert runs["run"] == [run.run for run in list_runs(database, study=example.study)]
    series = run_series(database, runs["run"][0])
    count = len(series.start_s)
    assert inferences["run"][:count] == [runs["run"][0]] * count
    assert np.array_equal(np.array(inferences["duration_ns"][:count]) / 1e6, series.latency_ms)
    assert inferences["is_counted"][:count] == series.is_counted.tolist()


def test_csv_and_parquet_say_the_same(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    for table in TABLES:
        columns, lines = read_parquet(folder, table), read_csv(folder, table)
        assert len(lines) == len(next(iter(columns.values())))
        header = (folder / f"{table}.csv").read_text(encoding="utf-8").partition("\n")[0].replace('"', "").split(",")
        assert header == list(columns) == [column.name for column in TABLES[table]]
    assert [line["duration_ns"] for line in read_csv(folder, "inferences")] == list(
        map(str, read_parquet(folder, "inferences")["duration_ns"])
    )


def test_what_a_board_does_not_have_is_null_and_not_zero(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    telemetry = read_parquet(folder, "telemetry")
    assert set(telemetry["power_w"]) == {None}
    assert set(telemetry["throttled"]) == {0}
    assert {line["power_w"] for line in read_csv(folder, "telemetry")} == {""}


def test_the_manifest_has_units_hashes_and_who_was_simulated(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["schema_version"], manifest["study"], manifest["simulated"]) == (4, example.study, True)
    assert {name: fact["simulated"] for name, fact in manifest["devices"].items()} == {"pi5-1": False, "pi5-sim": True}
    assert set(manifest["files"]) == FILES | {"methods.txt"}
    for name, fact in manifest["files"].items():
        assert fact["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    units = {column["name"]: column["unit"] for column in manifest["tables"]["inferences"]["columns"]}
    assert (units["duration_ns"], manifest["tables"]["runs"]["rows"]) == ("ns", 12)


def test_a_schema_version_has_its_columns_and_no_others() -> None:
    columns = [f"{table}.{column.name} {column.type}" for table, of_it in TABLES.items() for column in of_it]
    fingerprint = hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16]
    assert (SCHEMA_VERSION, fingerprint) == (4, "5ee7a43d560096b4"), "other columns are another version"


def test_a_study_that_has_not_begun_is_exported_with_its_queued_runs(database: Database, tmp_path: Path) -> None:
    factories.add_device(database)
    factories.add_model(database)
    study = factories.add_study(database, blocks=1)
    folder = export_study(database, study, tmp_path / "out")
    runs = read_parquet(folder, "runs")
    assert (runs["state"], runs["median_ms"], runs["attempt"]) == (["queued"] * 2, [None] * 2, [None] * 2)
    assert read_csv(folder, "inferences") == []


def test_a_text_is_no_formula_in_csv_and_unchanged_in_parquet(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    run = factories.run_ids(database, example.study)[0]
    factories.change_run(database, run, message='=HYPERLINK("http://x")\n,')
    folder = export_study(database, example.study, tmp_path / "out")
    assert read_csv(folder, "runs")[0]["message"] == '\'=HYPERLINK("http://x")\n,'
    assert read_parquet(folder, "runs")["message"][0] == '=HYPERLINK("http://x")\n,'


def test_an_empty_folder_is_filled(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    (tmp_path / "out").mkdir()
    assert (export_study(database, example.study, tmp_path / "out") / "manifest.json").exists()


def test_a_folder_with_something_in_it_is_left_alone(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(SpecError, match="new or empty"):
        export_study(database, example.study, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    with database.write() as session:
        session.query(ChunkRow).update({"blob": b"damaged"})
    (tmp_path / "place").mkdir()
    with pytest.raises(InternalError, match="chunk"):
        export_study(database, example.study, tmp_path / "place" / "out")
    assert list((tmp_path / "place").iterdir()) == []


def test_an_unknown_study_writes_nothing(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="study: 5 is unknown"):
        export_study(database, 5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_the_users_to_mend(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="cannot write"):
        export_study(database, example.study, tmp_path / "file" / "out")


def test_devices_and_variants_are_described_without_where_they_can_be_reached(
    database: Database, tmp_path: Path
) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    devices, variants = read_parquet(folder, "devices"), read_parquet(folder, "variants")
    assert (devices["device"], devices["simulated"]) == (["pi5-1", "pi5-sim"], [False, True])
    assert json.loads(devices["labels"][0]) == {"cooling": "fan"}
    assert ".lan" not in (folder / "devices.csv").read_text()
    assert variants["variant"] == list(example.variants) and variants["is_baseline"] == [True, False]
    assert json.loads(variants["metrics"][0]) == {"mAP50": {"value": 0.70, "source": "declared"}}
    assert json.loads(variants["files"][0])[0]["sha256"] == variants["artifact"][0]


def test_every_pair_of_a_group_is_compared(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    compared = read_parquet(export_study(database, example.study, tmp_path / "out"), "comparisons")
    assert sorted(compared["source"]) == ["measured", "simulated"]
    assert (compared["a"], compared["b"]) == ([example.variants[0]] * 2, [example.variants[1]] * 2)
    assert (compared["answer"], compared["unit"], compared["units"]) == (["slower"] * 2, ["block"] * 2, [3, 3])
    low, ratio, high = (compared[name][0] for name in ("low", "ratio", "high"))
    assert low < ratio < high and ratio == pytest.approx(100 / 70, rel=0.05)


@pytest.mark.integration
def test_a_soak_has_its_windows_and_what_it_shows(database: Database, tmp_path: Path) -> None:
    factories.add_device(database, "pi4-1", board_type="pi4")
    factories.add_model(database, labels=("fp32",))
    study = factories.add_study(database, devices=("pi4-1",), protocol="sustained", blocks=1)
    soak = simulate(specimen("pi4-bare", 1), Plan(load_s=400.0), 1).soak
    measure_soaks(database, study, lambda run: soak)
    folder = export_study(database, study, tmp_path / "out")
    windows, runs = read_parquet(folder, "windows"), read_parquet(folder, "runs")
    assert windows["window"] == list(range(len(windows["run"]))) and len(windows["run"]) >= 12
    assert all(to_s - from_s >= 30 for from_s, to_s in zip(windows["from_s"], windows["to_s"], strict=True))
    assert min(windows["inferences"]) >= 20
    assert windows["temperature_c"][-1] > windows["temperature_c"][0] and windows["median_ms"][0] > 0
    assert runs["onset_s"][0] is not None and runs["onset_cause"] == ["thermal"]
    assert runs["ambient_source"] == ["sensor"]
    assert "The room was" in (folder / "methods.txt").read_text(encoding="utf-8")


def test_a_burst_has_no_windows_of_a_soak(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    assert read_csv(export_study(database, example.study, tmp_path / "out"), "windows") == []


def test_the_manifest_says_how_it_was_measured(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    folder = export_study(database, example.study, tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["methods"] + "\n" == (folder / "methods.txt").read_text(encoding="utf-8")
    assert "measured 2 variants of yolov9-c" in manifest["methods"]
    assert manifest["procedure"]["gate"]["above_idle_c"] == 6.0
