"""A group's answer in words, and the marks that nobody may overlook."""

from orchestrator.text import row_text
from tests.examples import make_group, make_pair, make_row


def test_a_clear_winner_is_named_with_its_interval_and_gain() -> None:
    assert row_text.headline(make_pair()) == (
        "int8@onnxruntime,t4 is fastest: 12.3 ms [11.9, 12.8], 1.42× the baseline's speed."
    )


def test_a_baseline_that_wins_is_not_said_to_gain() -> None:
    winner = make_row(speedup=1.0, speedup_ci=None)

    assert "baseline" not in row_text.headline([winner, make_row(rank=2, variant="other")])


def test_leaders_that_are_not_told_apart_share_the_headline() -> None:
    rows = [make_row(variant="a"), make_row(variant="b"), make_row(variant="c", rank=3)]

    assert row_text.headline(rows).startswith("a and b lead; they are not told apart.")


def test_a_group_that_the_data_cannot_order_says_so() -> None:
    rows = [make_row(variant="a"), make_row(variant="b")]

    assert row_text.headline(rows).startswith("No variant is told apart from the others; a has the lowest median")


def test_a_single_variant_is_not_called_fastest() -> None:
    assert row_text.headline([make_row()]) == "Only int8@onnxruntime,t4 was measured: 12.3 ms [11.9, 12.8]."


def test_a_tie_shows_in_the_rank() -> None:
    assert row_text.rank(make_row(rank=2, tied_with=("other",))) == "2 ="
    assert row_text.rank(make_row(rank=2)) == "2"


def test_simulated_and_provisional_rows_are_marked() -> None:
    rows = [make_row(make_group(source="simulated"), provisional=True)]

    assert row_text.group_marks(rows) == ("SIMULATED", "PROVISIONAL")
    assert row_text.row_marks(rows[0]) == "SIMULATED, PROVISIONAL"
    assert row_text.row_marks(make_row(make_group(source="published"))) == "PUBLISHED"
    assert row_text.row_marks(make_row()) == ""


def test_an_order_that_turns_round_is_marked_and_told_in_a_sentence() -> None:
    rows = [make_row(variant="a"), make_row(variant="b", rank=2, flips=("a", "c", "d"))]

    assert row_text.group_marks(rows) == ("FLIPS",)
    assert (row_text.row_marks(rows[0]), row_text.row_marks(rows[1])) == ("", "FLIPS")
    assert row_text.flip_lines(rows) == ("b is faster than a, c and d once hot, and slower while cold.",)


def test_a_board_that_did_not_throttle_says_until_when_it_was_watched() -> None:
    assert row_text.throttles(make_row(throttles_after_s=200.0, throttles_known_until_s=1200.0)) == "3 min 20 s"
    assert row_text.throttles(make_row(throttles_known_until_s=1200.0)) == "not within 20 min 00 s"
    assert row_text.throttles(make_row()) == "n/a"


def test_every_mark_is_explained() -> None:
    marks = {row_text.SIMULATED, row_text.PUBLISHED, row_text.PROVISIONAL, row_text.FLIPS}

    assert set(row_text.MARKS) == marks


def test_a_metric_says_where_it_comes_from() -> None:
    assert row_text.metric({"value": 0.6990, "source": "declared"}) == "0.699 (declared)"
    assert row_text.metric(None) == ""


def test_verdicts_that_did_not_occur_are_left_out() -> None:
    assert row_text.verdicts({"valid": 4, "suspect": 1, "invalid": 0}) == "4 valid, 1 suspect"


def test_a_group_is_named_by_what_may_be_compared() -> None:
    group = make_group()

    assert row_text.group_title(group) == "yolov9-c on pi5"
    assert row_text.group_detail(group) == "burst, standard protocol, input 1x3x640x640"
    assert row_text.group_detail(make_group(input_shape="")) == "burst, standard protocol"


def test_a_group_says_what_it_could_have_told_and_how_its_boards_differ() -> None:
    rows = [make_row(detectable=1.06, board_cv=0.012)]
    assert row_text.reach(rows) == "Smallest detectable ratio: 1.06×. Boards differ by up to 1.2 % (CV)."
    assert row_text.reach([make_row()]) == ""
