"""The words for where a usage is heading."""

from __future__ import annotations

from ...model.forecast.connection_rate import Pace
from ...model.forecast.forecast import Forecast
from ...model.forecast.trend import FEWEST_POINTS
from .resource import Reading

SOON_SECONDS = 3600
"""An end within this time is told even if nothing alarms."""


def run_out(reading: Reading) -> str:
    """The sentence about a reading that has an end in sight."""
    ahead = reading.forecast
    whom = reading.where_it_ends().whom
    if not (ahead and ahead.left and ahead.growth and reading.usage.free.best):
        return f"ports {whom} have run out"
    left, growth = duration(ahead.left.likely), rate(ahead.growth.typical)
    return f"ports {whom} run out in about {left} at {growth}"


def missing_history(ahead: Forecast) -> str:
    """Why there is nothing to tell; empty if there is a history."""
    if ahead.looks >= FEWEST_POINTS or ahead.left:
        return ""
    why = f" ({ahead.broken.value})" if ahead.broken else ""
    return f"no history yet, look {ahead.looks} of {FEWEST_POINTS}{why}"


def forecast_cells(ahead: Forecast) -> tuple[str, str, str]:
    """Growth, time left, and the bounds of that."""
    left, grows = ahead.left, ahead.growth
    growth = rate(grows.typical) if grows else "none to be sure of"
    if left is None:
        return growth, "not in sight" if grows else "", ""
    if not left.latest:
        return growth, "none left", ""
    bounds = f"{duration(left.soonest)} to {duration(left.latest)}"
    return growth, duration(left.likely), bounds


def pace_line(pace: Pace) -> str:
    """Connections a second: what there is, and what may be."""
    current = "nothing to go by" if pace.current is None else rate(pace.current, "")
    if pace.reused and pace.current is not None:
        current = f"at least {current}"
    sustained = "any" if pace.sustainable is None else rate(pace.sustainable, "")
    return (
        f"pace to the fullest: TIME_WAIT shows {current}, the pool sustains {sustained}"
    )


def rate(a_second: float, of: str = " ports") -> str:
    """A rate in the unit that suits it: ``12 ports/s``, ``3 ports/h``."""
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        number = a_second * seconds
        if number >= 1 or not number:
            break
    return f"{_short(number)}{of}/{unit}"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def duration(seconds: float) -> str:
    """Roughly, rounded down: ``45 s``, ``25 min``, ``5 h``, ``9 days``."""
    for unit_seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if seconds < 120 * unit_seconds:
            return f"{int(seconds / unit_seconds)} {unit}"
    return f"{int(seconds / 86400)} days"
