"""The forecast of each usage: its growth and the time remaining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from ..bounds import Usage
from ..connect import destination_filter
from ..ports import PortPool
from ..records import NamedTuple
from ..sockets import Destination
from ..usage import HostUsage, Question
from .trend import (
    Break,
    Growth,
    History,
    Moment,
    Series,
    TimeRemaining,
    add_point,
    growth,
    is_abandoned,
    time_remaining,
)

KEPT_DESTINATIONS = 5
"""Number of fullest destinations to remember. One that is not the fullest now can run
out first."""
MAX_SERIES = 200
"""Maximum number of series in a history. One check needs eight, or two plus one for
each destination that it watches. Several checks can share a history."""


class Forecast(NamedTuple):
    """Growth and time remaining of one usage."""

    samples: int
    """Number of samples behind the forecast, including the latest."""
    growth: Growth | None = None
    remaining: TimeRemaining | None = None
    broken: Break | None = None
    """Why earlier samples do not count; ``None`` if they do."""
    destination: Destination | None = None
    """The destination of this forecast; ``None`` for the fullest destination, and for
    bind()."""
    name: str = ""
    """The user's name for that destination."""


class HostForecast(NamedTuple):
    """The forecast of each usage. The fields match those of :class:`HostUsage`."""

    tcp_connect: Forecast | None = None
    watched: Sequence[Forecast] = ()
    tcp_bind: Forecast | None = None
    udp_bind: Forecast | None = None

    def in_order(self) -> list[Forecast]:
        """All forecasts that exist, in the order of the fields."""
        every = (self.tcp_connect, *self.watched, self.tcp_bind, self.udp_bind)
        return [forecast for forecast in every if forecast]


def forecast_usage(
    history: History,
    usage: HostUsage,
    question: Question,
    moment: Moment,
    namespace_id: str,
) -> tuple[History, HostForecast]:
    """Add a sample to the history, and make the forecast.

    Returns the new history and the forecast. Several checks can share a history. Their
    series are separated by network namespace and by question, because each check runs
    at its own times.
    """
    extended: dict[str, Series] = {}
    pool = _pool_id(usage.pool)
    question_id = _question_id(question)

    def forecast(name: str, ports: Usage) -> Forecast:
        key = f"{namespace_id} {question_id} {name}"
        series, broken = add_point(history.get(key), moment, pool, ports.used.best)
        extended[key] = series
        found = growth(series.points)
        remaining = time_remaining(ports.free.best, found)
        return Forecast(len(series.points), found, remaining, broken)

    connect = [
        forecast(f"tcp_connect to {watch.name}", found.ports)._replace(
            destination=found.destination, name=watch.name
        )
        for watch, found in usage.watched
    ]
    watched = tuple(connect)
    if usage.tcp_connect and not watched:
        # first in the list: min() below takes it if others are as urgent
        connect = [forecast("tcp_connect", usage.tcp_connect.ports)]
        for to, ports in _fullest(usage, question.source):
            on = f" on {to.device}" if to.device else ""
            one = forecast(f"tcp_connect {to.source} to {to.remote}{on}", ports)
            connect.append(one._replace(destination=to))
    found = HostForecast(
        min(connect, key=_urgency) if connect else None,
        watched,
        usage.tcp_bind and forecast("tcp_bind", usage.tcp_bind),
        usage.udp_bind and forecast("udp_bind", usage.udp_bind),
    )
    return _pruned({**history, **extended}, moment), found


def _fullest(
    usage: HostUsage, source: str | None
) -> Iterator[tuple[Destination, Usage]]:
    for found in usage.fullest(KEPT_DESTINATIONS, destination_filter(source)):
        if found.destination:
            yield found.destination, found.ports


def _urgency(forecast: Forecast) -> float:
    return forecast.remaining.likely if forecast.remaining else float("inf")


def _pool_id(pool: PortPool) -> str:
    # the sum shows if one reserved port was swapped for another
    return f"{pool.range} less {len(pool.reserved)} ({sum(pool.reserved)})"


def _question_id(question: Question) -> str:
    # a checksum stays short if the question has many destinations
    names = [watch.name for watch in question.watches]
    words = repr((question.tcp, question.udp, question.source, names))
    return f"{crc32(words.encode()):08x}"


def _pruned(history: History, moment: Moment) -> History:
    # drop series that get no more points, then those with the oldest points
    def distance(item: tuple[str, Series]) -> float:
        return abs(moment.wall_seconds - item[1].points[-1].wall_seconds)

    current = [item for item in history.items() if not is_abandoned(item[1], moment)]
    return dict(sorted(current, key=distance)[:MAX_SERIES])
