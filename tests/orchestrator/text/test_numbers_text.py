"""Figures read the same wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.text import numbers_text


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (12.345, "12.3 ms"),
        (0.12345, "0.123 ms"),
        (9.996, "10.0 ms"),
        (99.96, "100 ms"),
        (1762.5, "1762 ms"),
        (0.0, "0 ms"),
        (None, "n/a"),
    ],
)
def test_milliseconds_have_three_significant_digits(value_ms: float | None, text: str) -> None:
    assert numbers_text.ms(value_ms) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (12.345, 11.9, 12.8, "12.3 ms [11.9, 12.8]"),
        (12.345, 12.31, 12.38, "12.35 ms [12.31, 12.38]"),
        (1762.5, 1700.0, 1820.0, "1762 ms [1700, 1820]"),
        (12.345, None, None, "12.3 ms"),
        (None, 1.0, 2.0, "n/a"),
    ],
)
def test_an_interval_gets_the_digits_that_it_needs_to_be_seen(
    value: float | None, low: float | None, high: float | None, text: str
) -> None:
    assert numbers_text.ms_with_interval(value, low, high) == text


@given(st.floats(min_value=1e-3, max_value=1e6), st.floats(min_value=1e-3, max_value=0.5))
def test_the_ends_of_an_interval_never_read_the_same(low_ms: float, width: float) -> None:
    low, high = numbers_text.ms_interval(low_ms, low_ms * (1 + width)).removesuffix(" ms").split(" to ")

    assert float(low) < float(high)


def test_an_interval_of_no_width_is_still_text() -> None:
    assert numbers_text.ms_interval(12.0, 12.0) == "12.0 to 12.0 ms"
    assert numbers_text.ms_interval(None, 12.0) == "n/a"


def test_ratios_carry_their_sign_and_interval() -> None:
    assert numbers_text.ratio(1.4234) == "1.42×"
    assert numbers_text.ratio(None) == "n/a"
    assert numbers_text.ratio_with_interval(1.4234, (1.38, 1.46)) == "1.42× [1.38, 1.46]"
    assert numbers_text.ratio_with_interval(1.4234, None) == "1.42×"
    assert numbers_text.ratio_interval((1.38, 1.46)) == "1.38 to 1.46×"
    assert numbers_text.ratio_interval(None) == "n/a"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_999, "1.00 MB"),
        (1_250_000, "1.25 MB"),
        (2_500_000_000, "2.50 GB"),
        (None, "n/a"),
    ],
)
def test_sizes_are_decimal_and_change_unit_before_a_fourth_digit(size_bytes: int | None, text: str) -> None:
    assert numbers_text.size(size_bytes) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0.85, "850 ms"),
        (0.9999, "1.0 s"),
        (4.2, "4.2 s"),
        (42.0, "42 s"),
        (59.6, "1 min 00 s"),
        (200.0, "3 min 20 s"),
        (3599.9, "1 h 00 min"),
        (7500.0, "2 h 05 min"),
        (273_600.0, "3 d 4 h"),
        (None, "n/a"),
    ],
)
def test_durations_read_in_the_two_units_that_matter(duration_s: float | None, text: str) -> None:
    assert numbers_text.duration(duration_s) == text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (0.0, "just now"),
        (12.9, "12 s ago"),
        (200.0, "3 min ago"),
        (7200.0, "2 h ago"),
        (200_000.0, "2 d ago"),
        (None, "never"),
    ],
)
def test_ages_read_in_one_unit(age_s: float | None, text: str) -> None:
    assert numbers_text.age(age_s) == text


def test_other_quantities_carry_their_unit() -> None:
    assert numbers_text.celsius(61.46) == "61.5 °C"
    assert numbers_text.megahertz(2.4e9) == "2400 MHz"
    assert numbers_text.percent(0.123) == "12.3 %"
    assert numbers_text.joules(1.234) == "1.23 J"
    assert numbers_text.plain(0.6990) == "0.699"
    assert numbers_text.count(12345) == "12,345"


@pytest.mark.parametrize("say", ["celsius", "megahertz", "percent", "joules", "plain", "count"])
def test_what_is_unknown_is_never_zero(say: str) -> None:
    assert getattr(numbers_text, say)(None) == "n/a"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("clock_limit_hz", 2.4e9, "2400 MHz"),
        ("memory_bytes", 8_000_000_000, "8.00 GB"),
        ("uptime_s", 7500, "2 h 05 min"),
        ("idle_c", 41, "41.0 °C"),
        ("idle_w", 2.71828, "2.72 W"),
        ("cores", 4, "4"),
        ("has_fan_hz", True, "True"),
        ("kernel_s", "6.12", "6.12"),
    ],
)
def test_a_fact_reads_in_the_unit_of_its_name(name: str, value: object, text: str) -> None:
    assert numbers_text.fact(name, value) == text
