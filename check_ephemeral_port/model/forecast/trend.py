"""Where a number of used ports is heading, by what earlier runs of the check saw.

The method, and the figures below, were chosen by a simulation:
``contrib/docs/trend.rst``, made by ``tests/model/forecast/trend_simulation.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ..records import NamedTuple

MOST_POINTS = 60
"""So many points of a series are remembered."""
WINDOW_POINTS = 15
"""So many of the latest, apart from each other, tell the growth."""
FEWEST_POINTS = 10
"""With fewer there is no telling."""
TAIL = 0.1
"""The share of the slopes between two points that may lie on each side."""
AGREEMENT = 1 / 3
"""The growth is believed if all slopes but a tail reach this part of it: a step, or
noise, also has a slope, but few pairs of points share it."""
FARTHEST = 100
"""No prediction goes further ahead than so many times the span it is taken from."""

CLOCK_TOLERANCE_SECONDS = 60.0
"""A clock that is set by less is of no consequence. Also by how much a run may be
overtaken by another that looked later."""
SHORTEST_GAP_SECONDS = 900.0
GAP_INTERVALS = 3
"""A gap is longer than so many usual intervals, and than the shortest gap."""


class Moment(NamedTuple):
    """When somebody looked."""

    uptime_seconds: float
    """Since the system started, on Linux suspended time included: the axis of time
    here."""
    wall_seconds: float
    """Since 1970: only there to notice that one of the clocks jumped."""
    boot_id: str
    """Another one after each start of the system; empty if nobody tells."""


class Point(NamedTuple):
    """How many ports were used at one moment."""

    uptime_seconds: float
    wall_seconds: float
    used: int


class Series(NamedTuple):
    """Points that belong together: of the same usage, pool and start of the system."""

    boot_id: str
    pool: str
    """Identifies the pool that the ports were counted in."""
    points: tuple[Point, ...]
    """The oldest first."""


History = dict[str, Series]
"""Series by the name of what was counted."""


class Break(Enum):
    """Why earlier points don't count any more."""

    REBOOT = "the host has restarted"
    POOL = "the pool has changed"
    CLOCK = "a clock jumped"
    GAP = "no run for a while"


class Growth(NamedTuple):
    """By how many ports a second the number of used ports grows."""

    slowest: float
    """All pairs of points but a tail show at least that much."""
    typical: float
    fastest: float
    span_seconds: float
    """What it was seen in."""


class TimeRemaining(NamedTuple):
    """Seconds until no port is left, if the growth goes on."""

    soonest: float
    likely: float
    latest: float


def continued(
    series: Series | None, moment: Moment, pool: str, used: int
) -> tuple[Series, Break | None]:
    """The series with one more point; without its past, if that is another matter.

    Runs may come in a little out of order, since several may be under way at once.
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
    # set by hand; or the machine stood still, or began again from a snapshot: what
    # was connected then may be gone
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
        return float("inf")  # nobody knows how often somebody looks
    usual = (points[-1].uptime_seconds - points[0].uptime_seconds) / (len(points) - 1)
    return max(SHORTEST_GAP_SECONDS, GAP_INTERVALS * usual)


def is_over(series: Series, moment: Moment) -> bool:
    """Whether nobody has looked for so long that it is a gap."""
    if not series.points:
        return True
    # by distance, lest a clock that was wrong once keeps it for ever
    away = abs(moment.wall_seconds - series.points[-1].wall_seconds)
    return away > _longest_pause_seconds(series.points)


def growth(points: Sequence[Point]) -> Growth | None:
    """How fast the number grows; ``None`` if it doesn't, or if nobody can tell.

    The median of the slopes between every two points (Theil-Sen: Sen, 'Estimates of
    the regression coefficient based on Kendall's tau', 1968), which a few wild
    points can't mislead. It counts only if the slopes agree.
    """
    window = _apart(points)[:WINDOW_POINTS]
    if len(window) < FEWEST_POINTS:
        return None
    slopes = sorted(
        (later.used - earlier.used) / (later.uptime_seconds - earlier.uptime_seconds)
        for index, later in enumerate(window)
        for earlier in window[index + 1 :]
    )
    tail = int(TAIL * len(slopes))
    slowest, fastest = slopes[tail], slopes[-1 - tail]
    typical = slopes[len(slopes) // 2]
    if typical <= 0 or slowest < AGREEMENT * typical:
        return None
    span = window[0].uptime_seconds - window[-1].uptime_seconds
    return Growth(slowest, typical, fastest, span)


def _apart(points: Sequence[Point]) -> list[Point]:
    # the newest first; of points much closer than usual, as checks leave that run at
    # the same time, one: a slope between them says nothing
    if not points:
        return []
    span = points[-1].uptime_seconds - points[0].uptime_seconds
    close = span / len(points) / 4
    apart = [points[-1]]
    for point in reversed(points):
        if apart[-1].uptime_seconds - point.uptime_seconds > close:
            apart.append(point)
    return apart


def time_remaining(free: int, grows: Growth | None) -> TimeRemaining | None:
    """Until the ports left are used up; ``None`` if that is not in sight."""
    if free <= 0:
        return TimeRemaining(0, 0, 0)
    if grows is None or free / grows.typical > FARTHEST * grows.span_seconds:
        return None
    return TimeRemaining(
        free / grows.fastest, free / grows.typical, free / grows.slowest
    )
