"""Events in the log of Windows which say that no port was free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..records import NamedTuple
from .counts import TCP_CONNECT, UDP

KIND_OF_EVENT = {4227: TCP_CONNECT, 4231: TCP_CONNECT, 4266: UDP}
"""The kind of request that each event of the source Tcpip is about.

Source: ``netevent.h`` of the Windows SDK, ``EVENT_TCPIP_TCP_TIME_WAIT_COLLISION``,
``EVENT_TCPIP_TCP_GLOBAL_EPHEMERAL_PORT_SPACE_EXHAUSTED`` and
``EVENT_TCPIP_UDP_GLOBAL_EPHEMERAL_PORT_SPACE_EXHAUSTED``.
"""


class LoggedEvent(NamedTuple):
    """One event in the log."""

    number: int
    """Its event ID, a key of :data:`KIND_OF_EVENT`."""
    at_seconds: float
    """By the wall clock, since 1970."""


class LoggedEvents(NamedTuple):
    """All events with the same number."""

    number: int
    events: int
    first_seconds: float
    last_seconds: float
    """Times by the wall clock, since 1970."""


def group_logged(events: Iterable[LoggedEvent]) -> list[LoggedEvents]:
    """The events by their number, the most frequent first."""
    times: dict[int, list[float]] = {}
    for event in events:
        times.setdefault(event.number, []).append(event.at_seconds)
    groups = [LoggedEvents(n, len(at), min(at), max(at)) for n, at in times.items()]
    return sorted(groups, key=lambda group: (-group.events, group.number))


def logged_counts(
    groups: Iterable[LoggedEvents], kinds: Iterable[str]
) -> Mapping[str, int]:
    """The number of events about each of these kinds, as far as Windows logs them."""
    counts = {kind: 0 for kind in kinds if kind in KIND_OF_EVENT.values()}
    for group in groups:
        kind = KIND_OF_EVENT[group.number]
        if kind in counts:
            counts[kind] += group.events
    return counts
