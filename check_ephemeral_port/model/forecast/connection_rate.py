"""How many connections a second the pool can stand, to one destination."""

from __future__ import annotations

from ..connections import TIME_WAIT_SECONDS, pack_destination, port_numbers
from ..records import NamedTuple
from ..settings import Sharing
from ..sockets import Destination
from ..usage import HostUsage


class ConnectionRate(NamedTuple):
    """Connections a second to the fullest destination, closed from this side."""

    destination: Destination
    sustainable: float | None
    """So many, beside the connections that are open now; ``None``: TIME_WAIT sets no
    limit."""
    current: float | None
    """What TIME_WAIT shows of the last minute; ``None`` if that can't be seen."""
    reused: bool
    """TIME_WAIT may be taken over here, and so show less than there was."""


def connection_rate(usage: HostUsage, sees_age: bool) -> ConnectionRate | None:
    """The pace to the fullest destination; ``None`` if nothing is connected, and on
    other systems than Linux, where TIME_WAIT lasts otherwise.

    A port comes back when its TIME_WAIT is over, or may be taken over. What other
    sockets hold doesn't come back. ``sees_age``: the sample knows the age of
    TIME_WAIT, and tells only those apart that are older than the delay of reuse.
    """
    connect, use = usage.tcp_connect, usage.tcp_use
    if connect is None or connect.destination is None:
        return None
    if use.rules.sharing is not Sharing.UNLESS_BOUND:
        return None
    packed = use.connections.time_wait.get(pack_destination(connect.destination), b"")
    waiting = {*port_numbers(packed)}
    delay = min(use.rules.reuse_delay_seconds, TIME_WAIT_SECONDS)
    seen_seconds = TIME_WAIT_SECONDS - delay if sees_age else TIME_WAIT_SECONDS
    current = len(waiting) / seen_seconds if seen_seconds else None
    reused = use.rules.allow_reuse(connect.destination)
    if reused:
        turnover, held_seconds = connect.ports.free.best, delay
    else:
        in_turn = waiting - use.bound - use.likely_bound
        turnover, held_seconds = (
            connect.ports.free.best + len(in_turn),
            TIME_WAIT_SECONDS,
        )
    sustainable = turnover / held_seconds if held_seconds else None
    return ConnectionRate(connect.destination, sustainable, current, reused)
