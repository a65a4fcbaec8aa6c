"""The room around a board: whose word counts, for how long, and that it never goes without who said it."""

import pytest

from orchestrator.boards.ambient import AmbientSource, Typed, in_words, require_sound_label, stated_room
from orchestrator.errors import SpecError

NOW_S = 1000.0


def test_a_reading_typed_in_goes_before_a_label() -> None:
    typed = [Typed(celsius=24.5, at_s=900.0)]
    assert stated_room(typed, {"ambient": "21"}, NOW_S) == (24.5, AmbientSource.TYPED)
    assert stated_room([], {"ambient": "21"}, NOW_S) == (21.0, AmbientSource.LABEL)
    assert stated_room([], {"cooling": "fan"}, NOW_S) == (None, None)


def test_the_newest_reading_counts_in_whatever_order_they_come() -> None:
    older, newer = Typed(celsius=20.0, at_s=100.0), Typed(celsius=26.0, at_s=800.0)
    assert stated_room([older, newer], {}, NOW_S) == stated_room([newer, older], {}, NOW_S)
    assert stated_room([older, newer], {}, NOW_S)[0] == 26.0


def test_a_reading_that_is_too_old_says_nothing() -> None:
    stale = Typed(celsius=26.0, at_s=800.0, until_s=999.0)
    assert stated_room([stale], {}, NOW_S) == (None, None)
    assert stated_room([stale, Typed(celsius=20.0, at_s=100.0)], {}, NOW_S)[0] == 20.0
    assert stated_room([stale], {}, 999.0)[0] == 26.0


@pytest.mark.parametrize("text", ["", "warm", "nan", "inf", "-300", "200"])
def test_a_label_that_is_no_temperature_says_nothing_and_is_refused(text: str) -> None:
    assert stated_room([], {"ambient": text}, NOW_S) == (None, None)
    with pytest.raises(SpecError, match="ambient=23"):
        require_sound_label({"ambient": text})


@pytest.mark.parametrize("celsius", [-41.0, 86.0, float("nan"), float("inf")])
def test_no_room_is_as_warm_as_that(celsius: float) -> None:
    with pytest.raises(SpecError, match="degrees Celsius of a room"):
        Typed(celsius=celsius, at_s=0.0)


def test_a_room_is_told_with_whose_word_it_is() -> None:
    assert in_words(23.46, AmbientSource.TYPED) == "23.5 °C, typed in"
    assert in_words(23.0, AmbientSource.SENSOR) == "23.0 °C, by a thermometer"
    assert in_words(None, None) == "not known"
