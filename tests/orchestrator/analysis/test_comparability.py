"""What may be ranked together: equal in the declared fields; the minority is left out with its reason."""

from typing import Any

import pytest

from orchestrator.analysis.comparability import FIELDS, Conditions, differing_fields, find_incomparable


def conditions(**changes: Any) -> Conditions:
    values = {
        "variant": "m/fp32@onnxruntime,t4",
        "runtime": "onnxruntime",
        "runtime_version": "1.32.0",
        "protocol": "{}",
        "measuring_hash": "ab",
        "analysis_version": 1,
        "ended_at_s": 10.0,
    }
    return Conditions(**{**values, **changes})


def test_equal_runs_are_all_compared() -> None:
    assert find_incomparable([conditions()] * 3) == [None] * 3
    assert find_incomparable([]) == []


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("protocol-differs", {"protocol": '{"window":1}'}),
        ("agent-differs", {"measuring_hash": "cd"}),
        ("agent-differs", {"measuring_hash": None}),
        ("analysis-differs", {"analysis_version": 2}),
        ("runtime-version-differs", {"runtime_version": "1.31.0"}),
        ("options-differ", {"options": '{"allow_spinning": false}'}),
        ("inputs-differ", {"inputs": '{"seed": 7}'}),
        ("clock-limit-differs", {"clock_limit_hz": "1500000000.0"}),
        ("governor-differs", {"governor": "ondemand"}),
        ("architecture-differs", {"architecture": "armv7l"}),
        ("affinity-differs", {"affinity": "0,1"}),
    ],
)
def test_the_minority_is_left_out_and_told_why(code: str, change: dict[str, Any]) -> None:
    found = find_incomparable([conditions(), conditions(**change), conditions()])
    assert [None if each is None else each.code for each in found] == [None, code, None]
    assert code in {field.code for field in FIELDS}


def test_a_reason_names_both_values() -> None:
    found = find_incomparable([conditions(), conditions(), conditions(runtime_version="1.31.0")])[2]
    assert found is not None
    assert found.reason == "another version of the runtime than most runs of its group: 1.31.0 here, 1.32.0 there"


def test_of_equally_many_the_newest_stay() -> None:
    old, new = conditions(runtime_version="1.31.0"), conditions(runtime_version="1.32.0", ended_at_s=20.0)
    assert [each is None for each in find_incomparable([old, new])] == [False, True]


def test_runtimes_have_versions_of_their_own() -> None:
    ncnn = conditions(runtime="ncnn", runtime_version="1.0.20261020")
    assert find_incomparable([conditions(), conditions(), ncnn]) == [None] * 3


def test_what_is_left_out_for_one_field_has_no_vote_on_the_next() -> None:
    odd = conditions(protocol="other", runtime_version="1.31.0", ended_at_s=99.0)
    found = find_incomparable([conditions(), conditions(), odd])
    assert [each is None for each in found] == [True, True, False]


def test_variants_are_loaded_with_options_of_their_own() -> None:
    other = conditions(variant="m/int8@onnxruntime,t4", options='{"graph": 2}')
    assert find_incomparable([conditions(), conditions(), other]) == [None] * 3


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    known = conditions(governor="performance")
    found = find_incomparable([known, known, conditions()])[2]
    assert found is not None
    assert found.reason.endswith("unknown here, performance there")


def test_two_runs_are_kept_apart_by_each_field_that_they_share_the_scope_of() -> None:
    ncnn = conditions(runtime="ncnn", variant="m/fp32@ncnn,t4", runtime_version="1", options="{}", governor="powersave")
    assert [field.code for field in differing_fields(conditions(), ncnn)] == ["governor-differs"]
    newer = conditions(runtime_version="1.33.0")
    assert [field.code for field in differing_fields(conditions(), newer)] == ["runtime-version-differs"]
    assert differing_fields(conditions(), conditions(ended_at_s=99.0)) == []
