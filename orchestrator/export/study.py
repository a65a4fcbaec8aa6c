"""A study in a folder: its tables, how it was measured in words, and a manifest of units and hashes.

The folder appears whole or not at all. Raw figures are exact; what is absent is null in Parquet and an empty cell in
CSV. `manifest.json` says what each column is, in which unit, which boards were simulated, and the hash of every file.
Runs are read device by device and their raw data run by run, so that memory does not grow with the study.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agent.wire.codec import WireError, encode
from agent.wire.spec import Regime
from orchestrator.analysis.thermal.curve import soak_from
from orchestrator.db.columns import InferenceColumns, TelemetryColumns
from orchestrator.db.session import Database
from orchestrator.errors import SpecError
from orchestrator.export import rows
from orchestrator.export.columns import SCHEMA_VERSION, TABLES
from orchestrator.export.files import TableFiles, fingerprint, folder_beside
from orchestrator.queries.conduct import Conduct, read_conduct
from orchestrator.queries.rows import RunView
from orchestrator.queries.runs import read_columns
from orchestrator.queries.scores import study_scores
from orchestrator.queries.studies import get_study
from orchestrator.queries.study_parts import study_runs, study_variants
from orchestrator.text.methods_text import methods_paragraph

METHODS = "methods.txt"
Files = dict[str, TableFiles]


def export_study(database: Database, study_id: int, folder: Path) -> Path:
    """Write a study into a new or empty folder and return it; raises `NotFoundError`, `SpecError`."""
    study = get_study(database, study_id)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f"folder: expected a new or empty one, {folder} is not")
    conduct = read_conduct(database, study)
    with folder_beside(folder) as beside:
        counts = _write_tables(database, conduct, beside)
        methods = methods_paragraph(conduct)
        (beside / METHODS).write_text(methods + "\n", encoding="utf-8")
        manifest = _manifest(conduct, counts, methods, beside)
        (beside / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return folder


def _write_tables(database: Database, conduct: Conduct, folder: Path) -> dict[str, int]:
    study = conduct.study.study
    with ExitStack() as stack:
        files = {name: TableFiles(name, columns, folder) for name, columns in TABLES.items()}
        for table in files.values():
            stack.callback(table.close)
        files["devices"].add_rows([rows.device_row(device) for device in conduct.devices])
        files["variants"].add_rows([rows.variant_row(each) for each in study_variants(database, study)])
        for scores in study_scores(database, study):
            files["scores"].add_rows(list(rows.score_rows(scores)))
        files["comparisons"].add_rows([rows.comparison_row(pair) for pair in conduct.pairs])
        for run in study_runs(database, conduct.study):
            files["runs"].add_rows([rows.run_row(run)])
            with database.read() as session:
                inferences, telemetry = read_columns(session, run.run)
            _add_raw(run, inferences, telemetry, files)
    return {name: table.rows for name, table in files.items()}


def _add_raw(run: RunView, inferences: InferenceColumns, telemetry: TelemetryColumns, files: Files) -> None:
    files["inferences"].add(rows.inference_rows(run.run, inferences))
    files["telemetry"].add(rows.telemetry_rows(run.run, telemetry))
    if run.regime == Regime.SUSTAINED.value:
        try:
            soak = soak_from(run.board_type, inferences, telemetry)
        except WireError:
            return  # too little for windows
        files["windows"].add_rows(list(rows.window_rows(run.run, soak)))


def _manifest(conduct: Conduct, counts: dict[str, int], methods: str, folder: Path) -> dict[str, Any]:
    study, terms = conduct.study, conduct.terms
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study.study,
        "model": study.model,
        "protocol": study.protocol,
        "regime": study.regime,
        "procedure": encode(terms.protocol),
        "inputs": encode(terms.inputs),
        "blocks": study.blocks,
        "until_ci": None if study.until_ci is None else study.until_ci.wanted,
        "max_blocks": None if study.until_ci is None else study.until_ci.max_blocks,
        "seed": study.seed,
        "state": study.state.value,
        "simulated": study.simulated,
        "devices": {device.name: {"board": device.board, "simulated": device.simulated} for device in conduct.devices},
        "variants": list(study.variants),
        "methods": methods,
        "tables": {
            name: {
                "rows": counts[name],
                "columns": [
                    {"name": column.name, "type": str(column.type), "unit": column.unit, "note": column.note}
                    for column in columns
                ],
            }
            for name, columns in TABLES.items()
        },
        "files": {path.name: fingerprint(path) for path in sorted(folder.iterdir())},
    }
