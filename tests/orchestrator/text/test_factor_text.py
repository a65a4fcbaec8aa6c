"""A variant under the values of a label, in words: the answer, what it rests on, and what would help."""

import dataclasses

from orchestrator.analysis.factors import compare_levels, contrast, onset_of_boards, over_boards
from orchestrator.queries.factors import Difference, FactorComparison, Level, Rooms
from orchestrator.queries.leaderboard_rows import ExcludedRun
from orchestrator.text import factor_text
from tests.examples import make_group

MS = 1e6
BARE = {"pi4-a": [100 * MS, 101 * MS], "pi4-b": [102 * MS]}
FAN = {"pi4-c": [80 * MS], "pi4-d": [82 * MS]}
ROOM = Rooms(low_c=24.0, high_c=25.5, unknown=0, stated=2)


def level(name: str, latencies: dict[str, list[float]], onsets: dict[str, list[tuple[float, bool]]]) -> Level:
    return Level(
        level=name,
        devices=tuple(latencies),
        runs=sum(map(len, latencies.values())),
        latency_ms=over_boards({board: [each / MS for each in own] for board, own in latencies.items()}, is_ratio=True),
        onset=onset_of_boards(onsets) if onsets else None,
        end_c=over_boards({"x": [81.0], "y": [82.0]}),
        settled_c=None,
        rise_c=None,
        rooms=ROOM,
    )


def found(
    bare: dict[str, list[float]] = BARE, fan: dict[str, list[float]] = FAN, **changes: object
) -> FactorComparison:
    plain = FactorComparison(
        group=make_group(regime="sustained", protocol="sustained", source="simulated"),
        board="Raspberry Pi 4",
        provisional=False,
        variant="fp32@onnxruntime,t4",
        factor="cooling",
        baseline="bare",
        margin=0.02,
        levels=(level("bare", bare, {"pi4-a": [(250.0, True)]}), level("fan", fan, {"pi4-c": [(1200.0, False)]})),
        comparisons=compare_levels({"bare": bare, "fan": fan}, "bare"),
        differences=(
            Difference(
                level="fan", figure="end_c", contrast=contrast({"c": [60.0], "d": [61.0]}, {"a": [82.0], "b": [82.5]})
            ),
        ),
        goes_with={},
        coverage=None,
        excluded=(),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # named like its fields


def test_the_answer_says_what_was_set_beside_what_and_whom_it_holds_for() -> None:
    answer, reach, kelvin = factor_text.answers(found())
    assert answer.startswith("cooling=fan is faster than cooling=bare: fan takes 0.800× [")
    assert "the time of bare (95 % interval); 2 boards beside 2 boards (Welch)" in answer
    assert answer.endswith(", holds for boards of this type.")
    assert reach.startswith("smallest ratio it could have detected")
    assert kelvin.startswith("fan: the die at the end is -21.8 K [") and kelvin.endswith("] against bare")


def test_one_board_each_is_described_and_told_what_would_help() -> None:
    alone = found({"pi4-a": [100 * MS]}, {"pi4-b": [50 * MS]})
    answer, advice, _ = factor_text.answers(alone)
    assert answer.startswith("the data cannot tell cooling=fan and cooling=bare apart: fan takes 0.50")
    assert "board and cooling cannot be told apart: the ratio describes these boards alone" in answer
    assert "pifarm device label DEVICE cooling=VALUE" in advice


def test_one_board_under_both_speaks_for_itself() -> None:
    own = {"pi4-a": [80 * MS, 81 * MS]}
    answer = next(factor_text.answers(found({"pi4-a": [100 * MS, 101 * MS]}, own)))
    assert "4 runs of pi4-a under both, holds for this board" in answer


def test_a_value_alone_says_that_there_is_nothing_to_compare() -> None:
    alone = dataclasses.replace(found(), levels=found().levels[:1], comparisons=(), differences=())
    (line,) = factor_text.answers(alone)
    assert line.startswith("there is nothing to compare: only cooling=bare; pifarm device label")


def test_the_table_has_only_what_somebody_knows() -> None:
    columns = factor_text.columns(found())
    assert columns == (
        "cooling", "boards", "runs", "latency of the last 300 s", "throttles after", "die at the end", "room",
    )  # fmt: skip
    bare, fan = factor_text.rows(found())
    assert bare[:3] == ["bare (baseline)", "2: pi4-a, pi4-b", "3"]
    assert bare[4] == "4 min 10 s [4 min 10 s, 4 min 10 s], 1 of 1 board"
    assert fan[4] == "not within 20 min 00 s, 0 of 1 board did"
    assert bare[6] == "24.0 to 25.5 °C, 2 runs stated"


def test_notes_say_what_else_differed_and_what_was_left_out() -> None:
    left_out = ExcludedRun(
        run="cafe", study=1, model="m", variant="v", device="pi4-e", code="label-missing", reason="no label"
    )
    notes = list(factor_text.notes(found(goes_with={"fan": {"psu": (("good",), ("",))}}, excluded=(left_out,))))
    assert any(note.startswith("SIMULATED: ") for note in notes)
    assert any("psu differs wherever cooling does: good with fan, none with bare" in note for note in notes)
    assert any("no thermometer measured" in note for note in notes)
    assert notes[-1] == "left out: pi4-e, run cafe: no label"


def test_markdown_is_sentences_and_a_table() -> None:
    lines = factor_text.markdown([found()]).splitlines()
    assert lines[0].startswith("**yolov9-c/fp32@onnxruntime,t4 on Raspberry Pi 4 by cooling")
    assert "`SIMULATED`" in lines[0]
    assert sum(line.startswith("- ") for line in lines) == 3
    assert [line.count("|") for line in lines if line.startswith("|")] == [8, 8, 8, 8]


def test_a_figure_that_not_all_boards_give_says_how_many_do() -> None:
    bare, fan = found().levels
    partly = dataclasses.replace(found(), levels=(bare, dataclasses.replace(fan, settled_c=over_boards({"a": [73.3]}))))
    assert [row[6] for row in factor_text.rows(partly)] == ["n/a", "73.3 °C, 1 of 2 boards"]


def test_kelvins_of_one_board_are_described_alone() -> None:
    lonely = Difference(level="fan", figure="rise_c", contrast=contrast({"c": [31.0], "d": [32.0]}, {"a": [69.0]}))
    line = list(factor_text.answers(found(differences=(lonely,))))[-1]
    assert line == (
        "fan: how far above the room it would settle is -37.5 K (described alone: 2 boards beside 1 board) against bare"
    )
