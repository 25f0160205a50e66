"""What the past says of each usage: its growth, and the time left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from ..bounds import Usage
from ..connect import asked_for, fullest_destinations
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
    continued,
    growth,
    is_over,
    time_remaining,
)

KEPT_DESTINATIONS = 5
"""Which one runs out first need not be the one that is fullest now."""
MOST_SERIES = 200
"""A check has eight, or two and one for each destination that it watches; several
may share a history."""


class Forecast(NamedTuple):
    """Growth and remaining time of one usage."""

    samples: int
    """How many samples the forecast rests on, the latest included."""
    growth: Growth | None = None
    remaining: TimeRemaining | None = None
    broken: Break | None = None
    """Why the samples before the latest do not count."""
    destination: Destination | None = None
    """Where ports will run out first, if this can differ from the fullest now."""
    name: str = ""
    """What the user calls that destination."""


class HostForecast(NamedTuple):
    """The forecast of each usage; the fields are those of :class:`HostUsage`."""

    tcp_connect: Forecast | None = None
    watched: Sequence[Forecast] = ()
    tcp_bind: Forecast | None = None
    udp_bind: Forecast | None = None

    def in_order(self) -> list[Forecast]:
        """Those that exist, in the order of the fields."""
        every = (self.tcp_connect, *self.watched, self.tcp_bind, self.udp_bind)
        return [forecast for forecast in every if forecast]


def forecast_usage(
    history: History,
    usage: HostUsage,
    question: Question,
    moment: Moment,
    namespace_id: str,
) -> tuple[History, HostForecast]:
    """The history with this sample added, and the forecast that follows from it.

    Several checks can share a history. Their series are kept apart by network
    namespace and by question, since other checks sample at times of their own.
    """
    seen: dict[str, Series] = {}
    pool = _identity(usage.pool)
    asked = _digest(question)

    def forecast(name: str, ports: Usage) -> Forecast:
        key = f"{namespace_id} {asked} {name}"
        seen[key], broken = continued(history.get(key), moment, pool, ports.used.best)
        grows = growth(seen[key].points)
        remaining = time_remaining(ports.free.best, grows)
        return Forecast(len(seen[key].points), grows, remaining, broken)

    connect = [
        forecast(f"tcp_connect to {watch.name}", found.ports)._replace(
            destination=found.destination, name=watch.name
        )
        for watch, found in usage.watched
    ]
    watched = tuple(connect)
    if usage.tcp_connect and not watched:
        # the first of equals: the fullest is spoken of as usual
        connect = [forecast("tcp_connect", usage.tcp_connect.ports)]
        for to, ports in _fullest(usage, question.source):
            there = forecast(f"tcp_connect {to.source} to {to.remote}", ports)
            connect.append(there._replace(destination=to))
    found = HostForecast(
        min(connect, key=_urgency) if connect else None,
        watched,
        usage.tcp_bind and forecast("tcp_bind", usage.tcp_bind),
        usage.udp_bind and forecast("udp_bind", usage.udp_bind),
    )
    return _worth_keeping({**history, **seen}, moment), found


def _fullest(
    usage: HostUsage, source: str | None
) -> Iterator[tuple[Destination, Usage]]:
    use, asked = usage.tcp_use, asked_for(source)
    for found in fullest_destinations(use, usage.pool, KEPT_DESTINATIONS, asked):
        if found.destination:
            yield found.destination, found.ports


def _urgency(forecast: Forecast) -> float:
    return forecast.remaining.likely if forecast.remaining else float("inf")


def _identity(pool: PortPool) -> str:
    # the sum, since one reserved port may have been swapped for another
    return f"{pool.range} less {len(pool.reserved)} ({sum(pool.reserved)})"


def _digest(question: Question) -> str:
    # as short, however many destinations it names
    names = [watch.name for watch in question.watches]
    words = repr((question.tcp, question.udp, question.source, names))
    return f"{crc32(words.encode()):08x}"


def _worth_keeping(history: History, moment: Moment) -> History:
    # destinations that are no longer among the fullest go, and if there is still too
    # much, what was not seen for longest
    def distance(item: tuple[str, Series]) -> float:
        return abs(moment.wall_seconds - item[1].points[-1].wall_seconds)

    going_on = [item for item in history.items() if not is_over(item[1], moment)]
    return dict(sorted(going_on, key=distance)[:MOST_SERIES])
