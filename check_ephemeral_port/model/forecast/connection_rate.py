"""How many connections a second the pool can sustain, to one destination."""

from __future__ import annotations

from ..connections import TIME_WAIT_SECONDS, pack_destination, port_numbers
from ..records import NamedTuple
from ..settings import Sharing
from ..sockets import Destination
from ..usage import HostUsage


class ConnectionRate(NamedTuple):
    """Connections a second to the fullest destination that this host closes first."""

    destination: Destination
    sustainable: float | None
    """The maximum, while the connections that are open now stay open. ``None`` if
    TIME_WAIT sets no limit."""
    current: float | None
    """The rate of the last minute, as TIME_WAIT shows it; ``None`` if invisible."""
    reused: bool
    """Whether connect() can take over TIME_WAIT. Then ``current`` can be too low."""


def connection_rate(usage: HostUsage, sees_age: bool) -> ConnectionRate | None:
    """The connection rate to the fullest destination.

    ``None`` if nothing is connected, and on systems other than Linux, where TIME_WAIT
    has a different duration.

    A port is free again when its TIME_WAIT ends or can be taken over. Ports that other
    sockets hold stay used. ``sees_age``: the sampler sees the age of TIME_WAIT, so the
    table of TIME_WAIT has only those older than the reuse delay.
    """
    connect = usage.tcp_connect
    if connect is None or connect.destination is None:
        return None
    use = usage.use_of(connect.destination)
    if use.rules.sharing is not Sharing.UNLESS_BOUND:
        return None
    packed = use.connections.time_wait.get(pack_destination(connect.destination), b"")
    waiting = {*port_numbers(packed)}
    delay = min(use.rules.longest_delay_seconds, TIME_WAIT_SECONDS)
    seen_seconds = TIME_WAIT_SECONDS - delay if sees_age else TIME_WAIT_SECONDS
    current = len(waiting) / seen_seconds if seen_seconds else None
    reused = use.rules.allow_reuse(connect.destination)
    if reused:
        available, held_seconds = connect.ports.free.best, delay
    else:
        recycled = waiting - use.bound - use.likely_bound
        available, held_seconds = (
            connect.ports.free.best + len(recycled),
            TIME_WAIT_SECONDS,
        )
    sustainable = available / held_seconds if held_seconds else None
    return ConnectionRate(connect.destination, sustainable, current, reused)
