"""Text about growth, remaining time and connection rates."""

from __future__ import annotations

from ...model.forecast.connection_rate import ConnectionRate
from ...model.forecast.forecast import Forecast
from ...model.forecast.trend import FEWEST_POINTS
from ..text import duration
from .figures import UsageFigure

SOON_SECONDS = 3600
"""The status line mentions ports that run out within this time, even if it is OK."""


def run_out(figure: UsageFigure) -> str:
    """The sentence about ports that run out."""
    forecast = figure.forecast
    assert forecast and forecast.remaining and forecast.growth
    scope = figure.first_to_run_out().scope
    remaining, growth = forecast.remaining.likely, forecast.growth.typical
    return f"ports {scope} run out in about {duration(remaining)} at {rate(growth)}"


def missing_history(forecast: Forecast) -> str:
    """Why there is no forecast yet; empty if the history is long enough."""
    if forecast.samples >= FEWEST_POINTS or forecast.remaining:
        return ""
    reason = f" ({forecast.broken.value})" if forecast.broken else ""
    return f"no history yet, run {forecast.samples} of {FEWEST_POINTS}{reason}"


def forecast_cells(forecast: Forecast) -> tuple[str, str, str]:
    """The cells of a row: growth, remaining time, and the bounds of that time."""
    remaining, growth = forecast.remaining, forecast.growth
    speed = rate(growth.typical) if growth else "not certain"
    if remaining is None:
        return speed, "not in sight" if growth else "", ""
    if not remaining.latest:
        return speed, "none remaining", ""
    bounds = f"{duration(remaining.soonest)} to {duration(remaining.latest)}"
    return speed, duration(remaining.likely), bounds


def connection_rate_lines(connections: ConnectionRate) -> list[str]:
    """The present rate of new connections, and the highest that the pool sustains."""
    current = "unknown"
    if connections.current is not None:
        current = rate(connections.current, "")
        if connections.reused:
            current = f"at least {current}"
    sustained = "any"
    if connections.sustainable is not None:
        sustained = rate(connections.sustainable, "")
    return [
        f"new connections to the fullest destination: {current}",
        f"the range and TIME_WAIT allow: {sustained}",
    ]


def rate(per_second: float, of: str = " ports") -> str:
    """A rate in the unit that suits it: ``12 ports/s``, ``3 ports/h``."""
    number, unit = per_second, "s"
    if 0 < number < 1:
        number, unit = number * 60, "min"
    if 0 < number < 1:
        number, unit = number * 60, "h"
    return f"{_short(number)}{of}/{unit}"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"
