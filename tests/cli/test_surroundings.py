"""`pifarm device label | ambient`: what people say of a device's surroundings."""

import pytest

from tests.cli.conftest import Bad, Pifarm, read_json


def test_labels_are_set_and_taken_away(pifarm: Pifarm) -> None:
    both = pifarm("device", "label", "pi5-kitchen", "cooling=bare", "psu=official")
    assert "labels cooling=bare, psu=official" in both.out
    assert "labels psu=official;" in pifarm("device", "label", "pi5-kitchen", "cooling=").out
    assert read_json(pifarm, "device", "show", "pi5-kitchen")["labels"] == {"psu": "official"}


def test_a_room_is_typed_in_shown_and_taken_back(pifarm: Pifarm) -> None:
    assert "room 23.5 °C, for 12 h" in pifarm("device", "ambient", "pi5-kitchen", "23.5").out
    assert "23.5 °C, typed in" in pifarm("device", "show", "pi5-kitchen").out
    assert "until another reading" in pifarm("device", "ambient", "pi5-kitchen", "24", "--hours", "0").out
    shown = read_json(pifarm, "device", "show", "pi5-kitchen")
    assert (shown["ambient_c"], shown["ambient_source"]) == (24.0, "typed")
    pifarm("device", "ambient", "pi5-kitchen", "--forget")
    assert read_json(pifarm, "device", "show", "pi5-kitchen")["ambient_c"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("label", "pi5-kitchen", "cooling"), "expected KEY=VALUE, or KEY="),
        (("label", "pi5-kitchen", "case="), "no such label to take away"),
        (("label", "pi5-kitchen", "ambient=warm"), "expected degrees Celsius of a room"),
        (("label", "nobody", "cooling=fan"), "'nobody' is unknown"),
        (("add", "new", "--local", "--label", "ambient=warm"), "expected degrees Celsius of a room"),
        (("ambient", "pi5-kitchen"), "expected either DEGREES"),
        (("ambient", "pi5-kitchen", "23", "--forget"), "expected either DEGREES"),
        (("ambient", "pi5-kitchen", "99"), "expected degrees Celsius of a room"),
        (("ambient", "pi5-kitchen", "23", "--hours", "-1"), "--hours: expected more than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    complain: Bad, arguments: tuple[str, ...], message: str
) -> None:
    assert message in complain("device", *arguments)


def test_a_study_may_be_submitted_with_its_room(pifarm: Pifarm, complain: Bad) -> None:
    assert "expected degrees Celsius of a room" in complain("submit", "yolov9-c", "--ambient", "99")
    assert pifarm("submit", "yolov9-c", "--ambient", "23.5", "--dry-run").exit_code == 0
