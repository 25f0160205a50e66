"""How the number of used ports grows, computed from the samples of earlier runs.

The method and the constants below were chosen by a simulation,
``tests/model/forecast/trend_simulation.py``. ``contrib/docs/trend.rst`` has the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ..records import NamedTuple

MOST_POINTS = 60
"""Maximum number of points in a series."""
WINDOW_POINTS = 15
"""Number of latest points from which the growth is computed. Points that are close
together count as one."""
FEWEST_POINTS = 10
"""With fewer points there is no growth."""
TAIL_SHARE = 0.1
"""Share of the smallest slopes, and of the largest, that is ignored."""
AGREEMENT = 1 / 3
"""Growth counts only if all slopes but the ignored ones reach this part of the median.
A step or noise also has a median slope, but few pairs of points share it."""
MAX_FORECAST_SPANS = 100
"""A forecast covers at most this number of times the span of its points."""

CLOCK_TOLERANCE_SECONDS = 60.0
"""A smaller change of a clock is ignored. Also how late a run can save its sample after
another run has saved a later one."""
SHORTEST_GAP_SECONDS = 900.0
"""A shorter pause between two points is never a gap."""
GAP_INTERVALS = 3
"""A gap is longer than this number of usual intervals."""


class Moment(NamedTuple):
    """The time of a sample."""

    uptime_seconds: float
    """Since the system started; on Linux including suspended time. Growth is computed
    from it."""
    wall_seconds: float
    """Since 1970. Used only to notice that a clock jumped, and that a series is
    abandoned."""
    boot_id: str
    """Changes with each start of the system; empty if unknown."""


class Point(NamedTuple):
    """The number of ports used at one moment."""

    uptime_seconds: float
    wall_seconds: float
    used: int


class Series(NamedTuple):
    """Points of the same usage and pool, since the same start of the system."""

    boot_id: str
    pool: str
    """Identifies the pool."""
    points: tuple[Point, ...]
    """The oldest first."""


History = dict[str, Series]
"""Each series by its key, which names the usage."""


class Break(Enum):
    """Why earlier points don't count any more."""

    REBOOT = "the host has restarted"
    POOL = "the pool has changed"
    CLOCK = "a clock jumped"
    GAP = "no run for a while"


class Growth(NamedTuple):
    """Growth of the number of used ports, in ports per second."""

    slowest: float
    """All slopes but the ignored ones are at least this steep."""
    typical: float
    """The median slope."""
    fastest: float
    """All slopes but the ignored ones are at most this steep."""
    span_seconds: float
    """Time between the first and the last point."""


class TimeRemaining(NamedTuple):
    """Seconds until no port is free, if the growth continues."""

    soonest: float
    likely: float
    latest: float


def add_point(
    series: Series | None, moment: Moment, pool: str, used: int
) -> tuple[Series, Break | None]:
    """Add a point to a series. After a break, drop the earlier points.

    Returns the new series, and the reason of a break. Points can arrive slightly out of
    order, because several runs can overlap.
    """
    point = Point(moment.uptime_seconds, moment.wall_seconds, used)
    broken = _broken(series, moment, pool) if series and series.points else None
    earlier = series.points if series and not broken else ()
    points = tuple(sorted((*earlier, point))[-MOST_POINTS:])
    recent = _since_the_last_gap(points)
    if len(recent) < len(points):
        broken = Break.GAP
    return Series(moment.boot_id, pool, recent), broken


def _broken(series: Series, moment: Moment, pool: str) -> Break | None:
    last = series.points[-1]
    passed = moment.uptime_seconds - last.uptime_seconds
    drift = moment.wall_seconds - last.wall_seconds - passed
    if moment.boot_id != series.boot_id:
        return Break.REBOOT
    if pool != series.pool:
        return Break.POOL
    # the clock was set, or the machine was paused or restored from a snapshot; then its
    # connections may be gone
    if abs(drift) > CLOCK_TOLERANCE_SECONDS or passed < -CLOCK_TOLERANCE_SECONDS:
        return Break.CLOCK
    return None


def _since_the_last_gap(points: tuple[Point, ...]) -> tuple[Point, ...]:
    limit = _longest_pause_seconds(points)
    for index in range(len(points) - 1, 0, -1):
        if points[index].uptime_seconds - points[index - 1].uptime_seconds > limit:
            return points[index:]
    return points


def _longest_pause_seconds(points: Sequence[Point]) -> float:
    if len(points) < 2:
        return float("inf")  # the interval between runs is unknown
    usual = (points[-1].uptime_seconds - points[0].uptime_seconds) / (len(points) - 1)
    return max(SHORTEST_GAP_SECONDS, GAP_INTERVALS * usual)


def is_abandoned(series: Series, moment: Moment) -> bool:
    """Whether the time since the last point is a gap, so the series can be dropped."""
    if not series.points:
        return True
    # abs(): a wrong clock may have saved a point far in the future
    distance = abs(moment.wall_seconds - series.points[-1].wall_seconds)
    return distance > _longest_pause_seconds(series.points)


def growth(points: Sequence[Point]) -> Growth | None:
    """How fast the number grows; ``None`` if it doesn't grow or nothing is certain.

    The growth is the median of the slopes between every two points. A few wild points
    don't change it much. It counts only if the slopes agree.
    Source: Sen, 'Estimates of the regression coefficient based on Kendall's tau', 1968
    (Theil-Sen).
    """
    window = _latest_apart(points)[:WINDOW_POINTS]
    if len(window) < FEWEST_POINTS:
        return None
    slopes = sorted(
        (later.used - earlier.used) / (later.uptime_seconds - earlier.uptime_seconds)
        for index, later in enumerate(window)
        for earlier in window[index + 1 :]
    )
    tail = int(TAIL_SHARE * len(slopes))
    slowest, fastest = slopes[tail], slopes[-1 - tail]
    typical = slopes[len(slopes) // 2]
    if typical <= 0 or slowest < AGREEMENT * typical:
        return None
    span = window[0].uptime_seconds - window[-1].uptime_seconds
    return Growth(slowest, typical, fastest, span)


def _latest_apart(points: Sequence[Point]) -> list[Point]:
    # the newest first. Several checks can run at the same time: of points that are
    # much closer than usual, keep one, because the slope between them is noise
    if not points:
        return []
    span = points[-1].uptime_seconds - points[0].uptime_seconds
    close = span / len(points) / 4
    apart = [points[-1]]
    for point in reversed(points):
        if apart[-1].uptime_seconds - point.uptime_seconds > close:
            apart.append(point)
    return apart


def time_remaining(free: int, rate: Growth | None) -> TimeRemaining | None:
    """Time until the free ports are used up; ``None`` if that can't be forecast."""
    if free <= 0:
        return TimeRemaining(0, 0, 0)
    if rate is None or free / rate.typical > MAX_FORECAST_SPANS * rate.span_seconds:
        return None
    return TimeRemaining(free / rate.fastest, free / rate.typical, free / rate.slowest)
