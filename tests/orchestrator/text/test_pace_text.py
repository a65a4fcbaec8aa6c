"""Forecasts in words: intervals, what never comes, and every doubt once."""

from orchestrator.queries.prediction import ForecastView
from orchestrator.text import pace_text
from orchestrator.text.numbers_text import duration


def view(value: float | None, *outside: str) -> ForecastView:
    """A forecast with an interval of a tenth to either side; None is never."""
    if value is None:
        return ForecastView(value=None, low=900.0, high=None, outside=outside)
    return ForecastView(value=value, low=0.9 * value, high=1.1 * value, outside=outside)


def test_a_forecast_is_shown_with_its_interval_and_a_star_where_there_is_doubt() -> None:
    assert pace_text.forecast(view(2.0), pace_text.rate) == "2.00/s [1.80/s, 2.20/s]"
    assert pace_text.forecast(view(2.0, "too warm"), pace_text.rate) == "2.00/s [1.80/s, 2.20/s] *"
    assert pace_text.forecast(view(None), duration) == "never [15 min 00 s, never]"
    assert pace_text.forecast(None, duration) == "n/a"


def test_each_doubt_is_said_once() -> None:
    said = list(pace_text.doubts([view(1.0, "too warm", "guessed"), None, view(2.0, "too warm"), view(3.0)]))
    assert said == ["  * too warm", "  * guessed"]
