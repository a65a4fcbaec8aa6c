"""A report is one file that anybody can open: whole, escaped, silent on the network, honest about simulated boards."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator.attending.lifecycle import RunState, StudyState, Verdict
from orchestrator.db.session import Database
from orchestrator.errors import NotFoundError, SpecError
from orchestrator.queries.leaderboard_rows import ExcludedRun, Leaderboard
from orchestrator.queries.rows import RunView
from orchestrator.report import as_html, as_pdf, compose_report, write_report
from orchestrator.report.write import read_report
from tests import factories
from tests.examples import make_attempt, make_group, make_pair, make_row, make_run, make_study

pytestmark = pytest.mark.integration
HOSTILE = "<script>alert(1)</script>\"'&"
LOADING = {"href", "src", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """What a browser would see: its tags, what it would load, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in LOADING and value and not value.startswith("#")]
        assert not [name for name, _ in attrs if name.startswith("on")], "no handlers"

    def handle_data(self, data: str) -> None:
        self.text += data


def make_html(*runs: RunView, board: Leaderboard, methods: str = "", **study: object) -> str:
    report = compose_report(make_study(**study), board, runs, figures=(), methods=methods, version="0.1.0")
    return as_html(report)


def make_page(*runs: RunView, board: Leaderboard | None = None, methods: str = "", **study: object) -> Page:
    """The report of hand-made answers."""
    shown = board if board is not None else Leaderboard(rows=tuple(make_pair()), excluded=())
    return Page(make_html(*(runs or [make_run()]), board=shown, methods=methods, **study))


@pytest.fixture(scope="module")
def plain_page() -> Page:
    return make_page()


def test_it_ranks_the_study_of_a_database(database: Database, tmp_path: Path) -> None:
    example = factories.fill(database)
    path = tmp_path / "report.html"

    write_report(database, example.study, path)

    page = Page(path.read_text(encoding="utf-8"))
    assert "int8@onnxruntime,t4 is fastest" in page.text
    assert page.tags.count("svg") == 7, "a ranking, a trade-off and a drift for each of two devices, and latencies"
    assert all(run in page.text for run in factories.run_ids(database, example.study))


def test_an_unknown_study_is_not_found(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="study: 7"):
        write_report(database, 7, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_file_that_cannot_be_written_is_named(database: Database, tmp_path: Path) -> None:
    study = factories.fill(database).study

    with pytest.raises(SpecError, match=r"report: cannot write .*nowhere"):
        write_report(database, study, tmp_path / "nowhere" / "report.html")


def test_it_loads_nothing_and_runs_nothing(plain_page: Page) -> None:
    assert plain_page.loads == []
    assert not {"script", "link", "iframe", "img", "object", "embed", "base"} & set(plain_page.tags)


def test_its_policy_forbids_loading() -> None:
    html = make_html(board=Leaderboard(rows=(), excluded=()))

    assert "default-src 'none'" in html
    assert not re.search(r"https?://(?!www\.w3\.org/)", html)


def test_every_text_is_escaped() -> None:
    group = make_group(model=HOSTILE)
    hostile = [
        make_row(group, variant=HOSTILE, board=HOSTILE, marks=(HOSTILE,)),
        make_row(group, variant="other", metrics={HOSTILE: {"value": 1.0, "source": HOSTILE}}),
    ]
    left_out = ExcludedRun(run="1", study=1, model="m", variant=HOSTILE, device=HOSTILE, code=HOSTILE, reason=HOSTILE)
    attempt = make_attempt(environment={HOSTILE: HOSTILE})
    runs = [make_run(run=str(number), variant=HOSTILE, device=HOSTILE, message=HOSTILE, code="x", attempts=(attempt,))
            for number in range(3)]  # fmt: skip

    page = make_page(*runs, board=Leaderboard(rows=tuple(hostile), excluded=(left_out,)), model=HOSTILE)

    assert "script" not in page.tags
    assert page.text.count(HOSTILE) > 20


def test_simulated_boards_are_announced_and_marked() -> None:
    board = Leaderboard(rows=tuple(make_pair(make_group(source="simulated"))), excluded=())
    page = make_page(make_run(device="pi5-sim", simulated=True), board=board)

    assert "pi5-sim: simulated hardware" in page.text
    assert "pi5-sim (SIMULATED)" in page.text
    assert re.search(r"yolov9-c on pi5\s+SIMULATED", page.text)


def test_a_study_of_real_boards_has_no_such_banner(plain_page: Page) -> None:
    assert "(SIMULATED)" not in plain_page.text
    assert "real inference of the host" not in plain_page.text


def test_ties_provisional_rows_and_doubts_are_shown() -> None:
    rows = (
        make_row(tied_with=("b",), variant="a", provisional=True, marks=("runs on pi5-1 differ by 5 %",)),
        make_row(tied_with=("a",), variant="b", provisional=True),
    )
    page = make_page(board=Leaderboard(rows=rows, excluded=()))

    assert page.text.count("1 =") == 2
    assert "PROVISIONAL" in page.text
    assert "runs on pi5-1 differ by 5 %" in page.text


def test_what_was_left_out_is_listed_with_its_reason() -> None:
    left_out = ExcludedRun(
        run="abc", study=1, model="m", variant="v", device="d", code="under-voltage", reason="live under-voltage"
    )
    page = make_page(board=Leaderboard(rows=(), excluded=(left_out,)))

    assert "Left out, and why" in page.text
    assert "live under-voltage" in page.text
    assert "No run of this study has a result that can be ranked." in page.text


def test_a_failed_run_says_why_and_has_no_figures() -> None:
    failed = make_run(
        state=RunState.FAILED,
        verdict=None,
        samples=None,
        median_ms=None,
        p90_ms=None,
        code="model-load",
        message="opset 99",
    )
    page = make_page(failed, state=StudyState.DONE)

    assert "model-load: opset 99" in page.text
    assert "n/a" in page.text


def test_reasons_of_a_verdict_are_remarks_and_notes_are_not() -> None:
    reasons = (
        {"code": "load-foreign", "severity": "suspect", "text": "load-foreign: 3 % of the cores"},
        {"code": "sensor-missing", "severity": "note", "text": "sensor-missing: no fan"},
    )
    page = make_page(make_run(verdict=Verdict.SUSPECT, reasons=reasons))

    assert "load-foreign: 3 % of the cores" in page.text
    assert "no fan" not in page.text


def test_runs_beyond_the_table_are_counted() -> None:
    page = make_page(make_run(), counts={"done": 2500})

    assert "2499 more runs" in page.text


def test_ids_of_its_drawings_do_not_clash(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(database, factories.fill(database).study, path)

    ids = re.findall(r'\bid="([^"]*)"', path.read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


def test_a_metric_that_two_variants_have_is_drawn_against_latency_and_one_alone_is_not() -> None:
    accuracy = {"mAP50": {"value": 0.7, "source": "declared"}}
    both = [make_row(variant=name, metrics=accuracy) for name in ("fp32", "int8")]
    alone = [make_row(variant="fp32", metrics=accuracy), make_row(variant="int8", metrics={})]
    drawn = [make_page(board=Leaderboard(rows=tuple(rows), excluded=())).text for rows in (both, alone)]
    assert ["what is given for latency" in text for text in drawn] == [True, False]
    assert "mAP50 (higher is better)" in drawn[0]


def test_how_it_was_measured_is_told_and_escaped() -> None:
    page = make_page(methods=f"All runs waited. {HOSTILE}")
    assert f"All runs waited. {HOSTILE}" in page.text and "script" not in page.tags


def test_what_heat_did_is_told_of_sustained_runs_alone() -> None:
    soak = make_run(onset_s=None, known_until_s=1200.0, onset_cause="it did not slow down", settled_ms=12.5)
    text = make_page(soak).text
    assert "What heat did" in text and "not in 20 min 00 s" in text and "12.5 ms" in text
    assert "What heat did" not in make_page().text


def test_devices_beyond_a_tables_width_are_in_another_table() -> None:
    runs = [make_run(run=str(number), device=f"pi-{number}") for number in range(8)]
    assert make_page(*runs).text.count("governor") == 2


def test_another_ending_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"expected a name that ends on .html or .pdf, got 'report.docx'"):
        write_report(database, factories.fill(database).study, tmp_path / "report.docx")


def test_the_ending_of_the_name_decides(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    write_report(database, factories.fill(database).study, path)
    assert path.read_bytes().startswith(b"%PDF-")


def test_boards_that_differ_in_a_label_are_set_beside_each_other_with_what_goes_with_it(database: Database) -> None:
    factories.add_model(database, labels=("fp32",))
    for name, labels in {"a": {"cooling": "bare", "psu": "old"}, "b": {"cooling": "fan", "psu": "new"}}.items():
        factories.add_device(database, name, board_type="pi4", labels=labels)
    study = factories.add_study(database, devices=("a", "b"))
    factories.measure(database, study, {"fp32": 100.0})
    report = read_report(database, study)
    page = Page(as_html(report))
    assert [section.title.rpartition(" by ")[2].split(":")[0] for section in report.factors] == ["cooling", "psu"]
    assert "psu differs wherever cooling does: new with fan, old with bare" in page.text
    assert "board and cooling cannot be told apart" in page.text
    assert as_pdf(report).startswith(b"%PDF-")
