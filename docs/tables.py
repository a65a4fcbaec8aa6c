"""The tables of the documentation, each made from the code that it describes. Read by `docs.generate`."""

import ast
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.device import BOARD_TYPES
from agent.errors import FAULT_OF
from agent.wire import evaluation, ramp, records, spec, task
from agent.wire.answers import Answer, BusyProcess, Examined, Probe, Progress, Refused, Setting, Status, Timer, Tuned
from agent.wire.codec import encode
from agent.wire.journal import LINE_KINDS, encode_line
from docs import constants
from docs.markdown import code, fields_of, sentence, shown, table
from orchestrator.analysis.comparability import FIELDS
from orchestrator.analysis.rules.table import RULES
from orchestrator.attending import lifecycle
from orchestrator.attending.lifecycle import RUN_MOVES, RunEvent, RunState
from orchestrator.config import Settings
from orchestrator.export.columns import TABLES as EXPORT_TABLES
from orchestrator.protocols import PRESETS, Preset, setting_names
from orchestrator.simulator.boards import BOARD_KINDS
from tests import test_import_rules as import_rules

ROOT = Path(__file__).parent.parent
PRODUCT = ("agent", "orchestrator", "dashboard")
REQUESTS = (
    spec.RunSpec, spec.Fence, spec.Protocol, spec.Gate, spec.WarmUp, spec.Window, spec.Pace, ramp.Ramp, spec.Inputs,
    spec.Limits, evaluation.Evaluation, task.Task, task.ImageInput, task.Detection,
)  # fmt: skip
ANSWERS = (Answer, Status, Progress, Refused, Probe, Tuned, Setting, Examined, BusyProcess, Timer)
LIVES = (
    lifecycle.StudyState, lifecycle.RunState, lifecycle.AttemptState, lifecycle.DeviceState, lifecycle.Verdict,
)  # fmt: skip


def packages() -> str:
    """The packages, each with the first sentence that it says of itself."""
    folders = sorted(made.parent for made in ROOT.glob("*/**/__init__.py") if made.parts[len(ROOT.parts)] in PRODUCT)
    return table(["room", "what is in it"], [(code(f"{_place(each)}/"), _first_words(each)) for each in folders])


def record_kinds() -> str:
    """The kinds of journal records, with what each says."""
    return "\n".join(f"- `{kind}`: {sentence(cls)}" for kind, cls in LINE_KINDS.items())


def record_fields() -> str:
    """The fields of every record kind."""
    named = {code(kind): cls for kind, cls in LINE_KINDS.items()}
    named |= {code(cls.__name__): cls for cls in (records.TensorFact, ramp.Swept, ramp.Level)}
    rows = [
        (name if index == 0 else "", *field)
        for name, cls in named.items()
        for index, field in enumerate(fields_of(cls))
    ]
    return table(("kind", "field", "type", "if left out"), rows)


def example_journal() -> str:
    """Two lines of a journal, as the agent writes them."""
    claimed = records.Claimed(
        run_id="5f2c81d09a3e", attempt=1, bundle_hash="0" * 32, boot_id="3c1e", board_time_s=1790000000.5, uptime_s=61.5
    )
    entered = records.PhaseEntered(phase=records.Phase.GATE, at_ns=1_250_000)
    lines = encode_line(0, claimed) + encode_line(1, entered)
    return f"```\n{lines.decode()}```"


def requests() -> str:
    """What the farm sends, object by object."""
    return _objects(REQUESTS)


def answers() -> str:
    """What a board answers, object by object."""
    return _objects(ANSWERS)


def faults() -> str:
    """The codes of failed runs, by whose fault they are."""
    rows = [
        (fault.value, ", ".join(code(name) for name, own in FAULT_OF.items() if own is fault))
        for fault in records.Fault
    ]
    return table(("fault", "codes"), rows)


def run_moves() -> str:
    """What a run becomes, by state and event."""
    events = list(RunEvent)
    rows = [[code(state.value), *(_value(RUN_MOVES.get((state, event))) for event in events)] for state in RunState]
    return table(["state", *(event.value for event in events)], rows)


def lives() -> str:
    """The states of everything that has some."""
    rows = [(cls.__name__, ", ".join(code(state.value) for state in cls), sentence(cls)) for cls in LIVES]
    return table(("life", "states", "meaning"), rows)


def protocols() -> str:
    """Every setting of every preset."""
    presets = {name: _settings(encode(preset.protocol)) for name, preset in PRESETS.items()}
    rows = [
        ["regime", *(preset.protocol.regime.value for preset in PRESETS.values())],
        ["blocks", *(str(preset.blocks) for preset in PRESETS.values())],
        ["ranks", *map(_ranks, PRESETS.values())],
    ]
    rows += [[code(name), *(own[name] for own in presets.values())] for name in setting_names()]
    return table(["setting", *PRESETS], rows)


def rules() -> str:
    """The rules of a verdict."""
    header = ("code", "severity", "limit", "looks at", "regimes", "advice")
    rows = [
        (
            code(rule.code),
            rule.severity.value,
            f"{rule.threshold:g} {rule.unit}" if rule.threshold else "0",
            sentence(rule.check),
            "all"
            if rule.regimes == frozenset(spec.Regime)
            else ", ".join(regime.value for regime in spec.Regime if regime in rule.regimes),
            rule.advice,
        )
        for rule in RULES
    ]
    return table(header, rows)


def comparable_fields() -> str:
    """What runs must have in common to be ranked together."""
    scopes = {"group": "the whole group", "runtime": "runs of one runtime", "variant": "runs of one variant"}
    return table(
        ("must be equal", "among", "code of those left out", "because"),
        [(field.noun, scopes[field.scope.value], code(field.code), field.reason) for field in FIELDS],
    )


def import_lists() -> str:
    """Who alone may import what."""
    allowed = {
        "the environment (`os.environ`)": import_rules.READS_ENVIRONMENT,
        "Celery and kombu": import_rules.SPEAKS_CELERY,
        "fabric and paramiko": import_rules.SPEAKS_SSH,
        "asyncssh": import_rules.SERVES_SSH,
        "SQLAlchemy, Alembic and database drivers": import_rules.SPEAKS_SQL,
        "numpy, on the board": import_rules.COMPUTES_ON_BOARD,
        "any other library, on the board": ("agent.runtimes",),
    }
    rows = [(what, ", ".join(code(name) for name in names if _exists(name))) for what, names in allowed.items()]
    return table(("what", "only in"), rows)


def pure_modules() -> str:
    """The modules that have no effects."""
    return ", ".join(code(name) for name in import_rules.PURE) + "."


def settings() -> str:
    """Every setting, as a variable and as a key of the settings file."""
    rows = [
        (
            code(name),
            code(f"PIFARM_{name.upper()}"),
            field.description or "",
            "" if field.is_required() or field.default == "" else shown(field.default),
        )
        for name, field in Settings.model_fields.items()
    ]
    return table(("key in `pifarm.toml`", "variable", "meaning", "if left out"), rows)


def board_types() -> str:
    """The types of boards, by revision code."""
    codes: dict[str, list[str]] = {}
    for number, name in sorted(BOARD_TYPES.items()):
        codes.setdefault(name, []).append(f"0x{number:02x}")
    return table(
        ("type", "type field of the revision code"), [(code(name), ", ".join(own)) for name, own in codes.items()]
    )


def board_kinds() -> str:
    """The boards that can be simulated."""
    rows = [
        (
            code(kind.name),
            kind.model,
            "yes" if kind.has_fan else "no",
            "yes" if kind.has_power_meter else "no",
            f"{kind.silicon.idle_w:g} / {kind.silicon.load_w:g}",
            f"{kind.silicon.min_hz / 1e6:g} to {kind.silicon.max_hz / 1e6:g}",
        )
        for kind in BOARD_KINDS.values()
    ]
    return table(("kind", "says that it is", "fan", "power meter", "idle / load, W", "clock, MHz"), rows)


def _place(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


def _first_words(folder: Path) -> str:
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].replace("``", "`").split())


def _objects(classes: Iterable[Any]) -> str:
    rows = [
        (
            code(cls.__name__),
            sentence(cls, whole=False),
            "; ".join(_field_text(*field) for field in fields_of(cls)),
        )
        for cls in classes
    ]
    return table(("object", "meaning", "fields, with what they are when left out"), rows)


def _field_text(name: str, kind: str, default: str) -> str:
    return f"{name} {kind}" + ("" if default == "required" else f" ({default})")


def _settings(protocol: Mapping[str, Any]) -> dict[str, str]:
    parts = {name: value for name, value in protocol.items() if isinstance(value, dict)}
    nested = {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}
    return {name: shown(value) for name, value in {**protocol, **nested}.items()}


def _ranks(preset: Preset) -> str:
    if preset.protocol.regime is spec.Regime.SWEEP:
        return "never"
    return "provisionally" if preset.provisional else "fully"


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _value(state: RunState | None) -> str:
    return "" if state is None else code(state.value)


def export_columns() -> str:
    """The columns of an export, table by table, with their units."""
    rows = [
        (code(name) if index == 0 else "", code(column.name), str(column.type), column.unit, column.note)
        for name, columns in EXPORT_TABLES.items()
        for index, column in enumerate(columns)
    ]
    return table(["table", "column", "type", "unit", "note"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "packages": packages,
    "record-kinds": record_kinds,
    "record-fields": record_fields,
    "example-journal": example_journal,
    "requests": requests,
    "answers": answers,
    "faults": faults,
    "run-moves": run_moves,
    "lives": lives,
    "import-lists": import_lists,
    "pure-modules": pure_modules,
    "pace": constants.pace,
    "supervision": constants.supervision,
    "settings": settings,
    "protocols": protocols,
    "rules": rules,
    "comparable-fields": comparable_fields,
    "statistics": constants.statistics,
    "board-types": board_types,
    "board-kinds": board_kinds,
    "export-columns": export_columns,
}
