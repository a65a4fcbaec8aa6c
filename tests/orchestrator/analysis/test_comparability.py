"""What may be ranked together: equal in the declared fields; the minority is left out with its reason."""

from typing import Any

import pytest

from orchestrator.analysis.comparability import FIELDS, Conditions, find_incomparable


def conditions(**changes: Any) -> Conditions:
    values = {
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
