"""What is said of a study: how far it is, how narrow its intervals are, and what each machine has left."""

from dataclasses import replace

from orchestrator.attending.lifecycle import StudyState
from orchestrator.queries.rows import DevicePrecision, StudyView, UntilNarrow
from orchestrator.text.study_text import progress_lines, standing

STUDY = StudyView(
    study=3,
    model="digits-cnn",
    protocol="standard",
    regime="burst",
    blocks=3,
    seed=1,
    priority=0,
    state=StudyState.ACTIVE,
    created_at_s=0.0,
    ended_at_s=None,
    devices=("pi5-1", "pi4-1"),
    variants=("fp32@onnxruntime,t4", "int8@onnxruntime,t4"),
    counts={"done": 11, "queued": 9},
    eta_s=540.0,
    simulated=False,
    blocks_done=2,
    blocks_planned=5,
    left_s={"pi5-1": 540.0, "pi4-1": 540.0},
)
UNTIL = UntilNarrow(
    wanted=0.01,
    max_blocks=20,
    coverage=0.93,
    devices=(
        DevicePrecision(device="pi5-1", blocks=4, half_width=0.0123, stopped=None, left_out=0),
        DevicePrecision(device="pi4-1", blocks=1, half_width=None, stopped="at most", left_out=2),
    ),
)


def test_a_study_says_how_many_of_the_planned_blocks_are_done_and_what_is_left() -> None:
    assert standing(STUDY) == (
        "Study 3: digits-cnn, standard protocol, 2 of 5 blocks done, 11 of 20 runs done, about 9 min 00 s left."
    )
    assert standing(replace(STUDY, eta_s=None)).endswith("11 of 20 runs done.")
    assert standing(replace(STUDY, eta_s=0.0)).endswith("11 of 20 runs done, ought to end now.")


def test_only_what_differs_between_machines_is_said_of_each() -> None:
    assert list(progress_lines(STUDY)) == []
    lines = list(progress_lines(replace(STUDY, left_s={"pi5-1": 60.0, "pi4-1": 540.0})))
    assert lines == ["  pi5-1: about 1 min 00 s left", "  pi4-1: about 9 min 00 s left"]


def test_a_study_that_goes_on_until_it_is_narrow_says_how_narrow_it_is_on_each_device() -> None:
    rule, first, second = progress_lines(replace(STUDY, until_ci=UNTIL))
    assert "within ±1.00%, at most 20 on a device" in rule and "cover about 93%" in rule
    assert first == "  pi5-1: ±1.23% of 4 blocks, going on"
    assert second == "  pi4-1: no interval yet of 1 blocks, at most, 2 variants without recent results left out"
