"""Which unclear ports are worth an experiment that settles them.

A port is unclear if nothing shows whether it was bound before it connected.
"""

from __future__ import annotations

from collections.abc import Sequence

from .connect import ConnectUsage
from .records import NamedTuple
from .thresholds import ThresholdRange
from .usage import HostUsage

ALWAYS = "always"
AUTO = "auto"
NEVER = "never"
PROBES = (ALWAYS, AUTO, NEVER)
"""When to make the experiment; ``auto`` if it is cheap or decides the state."""

CHEAP_PORTS = 400
"""At 7 us each, settling these takes 3 ms."""


class Limits(NamedTuple):
    """The thresholds that apply to connect()."""

    used_percent: Sequence[ThresholdRange | None] = ()
    free_ports: Sequence[ThresholdRange | None] = ()
    fast_used_percent: Sequence[ThresholdRange | None] = ()


def is_worth_settling(usage: HostUsage, probe: str, limits: Limits) -> bool:
    """Whether to make the experiment."""
    unclear = usage.tcp_use.unclear
    if not unclear or probe == NEVER:
        return False
    if probe == ALWAYS or len(unclear) <= CHEAP_PORTS:
        return True
    return not is_decided(usage, limits)


def is_decided(usage: HostUsage, limits: Limits) -> bool:
    """Whether the state is the same however the unclear ports turn out, and some port
    remains in any case."""
    every = [connect for _, connect in (*usage.watched, *usage.on_devices)]
    if usage.tcp_connect:
        every.append(usage.tcp_connect)
    return all(_is_decided(connect, limits) for connect in every)


def _is_decided(connect: ConnectUsage, limits: Limits) -> bool:
    ports, fast = connect.ports, connect.first_choice
    low, high = connect.used_if_shared, connect.used_if_bound
    if low < ports.capacity == high:
        return False
    percents = ports.percent(low), ports.percent(high)
    free = ports.capacity - high, ports.capacity - low
    fast_percents = fast.percent(fast.used.low), fast.percent(fast.used.high)
    return not (
        any(_differs(limit, *percents) for limit in limits.used_percent)
        or any(_differs(limit, *free) for limit in limits.free_ports)
        or any(_differs(limit, *fast_percents) for limit in limits.fast_used_percent)
    )


def _differs(limit: ThresholdRange | None, low: float, high: float) -> bool:
    """Whether the range alarms at some but not all values from low to high."""
    if limit is None:
        return False
    ends = (limit.start, limit.end)
    between = any(end is not None and low < end < high for end in ends)
    return between or limit.alarms(low) != limit.alarms(high)
