"""Live throttle bits as spans of time."""

import numpy as np
import pytest

from orchestrator.charts.throttling import Span, live_spans

AT_S = np.linspace(0.0, 2.0, 5)


def test_a_span_lasts_until_the_first_sample_without_the_bit() -> None:
    spans = live_spans(AT_S, np.array([0.0, 8.0, 8.0, 0.0, 0.0]))

    assert spans == (Span(bit="soft limit", from_s=0.5, to_s=1.5),)


def test_a_bit_that_is_still_set_lasts_one_more_period() -> None:
    spans = live_spans(AT_S, np.array([0.0, 0.0, 0.0, 1.0, 1.0]))

    assert spans == (Span(bit="under-voltage", from_s=1.5, to_s=2.5),)


def test_bits_that_are_set_together_have_a_span_each() -> None:
    spans = live_spans(AT_S, np.array([6.0, 6.0, 4.0, 0.0, 0.0]))

    assert [(span.bit, span.to_s) for span in spans] == [("clock capped", 1.0), ("throttled", 1.5)]


def test_a_bit_that_comes_back_has_two_spans() -> None:
    spans = live_spans(AT_S, np.array([4.0, 0.0, 4.0, 0.0, 0.0]))

    assert [span.from_s for span in spans] == [0.0, 1.0]


@pytest.mark.parametrize("throttled", [float(0x50000), float("nan")])
def test_sticky_bits_and_unread_ones_are_not_live(throttled: float) -> None:
    assert live_spans(AT_S, np.full(5, throttled)) == ()


def test_no_samples_give_no_spans() -> None:
    assert live_spans(np.empty(0), np.empty(0)) == ()
