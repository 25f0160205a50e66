"""Which ports are worth an experiment that settles whether they are bound.

A port of a connection is unclear if nothing shows whether it was bound first. If some
sockets are invisible, any other port may be bound, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .connect import ConnectUsage, TcpUse
from .connections import NO_VRF
from .port_set import PortSet
from .records import NamedTuple
from .settings import Sharing
from .sockets import ALWAYS, NEVER
from .thresholds import ThresholdRange
from .usage import HostUsage

CHEAP_PORTS = 400
"""At 7 us each, settling these takes 3 ms."""


class Limits(NamedTuple):
    """The thresholds that apply to connect() and to bind() for TCP."""

    used_percent: Sequence[ThresholdRange | None] = ()
    free_ports: Sequence[ThresholdRange | None] = ()
    fast_used_percent: Sequence[ThresholdRange | None] = ()
    bind_used_percent: Sequence[ThresholdRange | None] = ()


def ports_to_settle(
    usage: HostUsage, probe: str, limits: Limits
) -> Mapping[int, PortSet]:
    """The ports to settle by experiment, by VRF; empty if it is not worth it."""
    if probe == NEVER:
        return {}
    is_wanted = probe == ALWAYS or not is_decided(usage, limits)
    ports = {
        vrf: _ports_to_settle(usage, use, is_wanted)
        for vrf, use in usage.tcp_uses.items()
    }
    return {vrf: unclear for vrf, unclear in ports.items() if unclear}


def _ports_to_settle(usage: HostUsage, use: TcpUse, is_wanted: bool) -> PortSet:
    if use.rules.sharing is not Sharing.UNLESS_BOUND:
        return PortSet()
    ports = use.unclear
    is_cheap = usage.pool.capacity <= CHEAP_PORTS
    if use.unseen and (is_wanted or is_cheap):
        for span in usage.pool.spans:
            ports.update(range(span.first, span.last + 1))
        return ports.without(use.bound).without(use.not_bound)
    return ports if is_wanted or len(ports) <= CHEAP_PORTS else PortSet()


def is_decided(usage: HostUsage, limits: Limits) -> bool:
    """Whether the state is the same however the unclear ports turn out, and some port
    remains in any case."""
    every = [connect for _, connect in (*usage.watched, *usage.on_devices)]
    every += usage.in_vrfs.values()
    if usage.tcp_connect:
        every.append(usage.tcp_connect)
    bind = usage.tcp_bind
    if bind and usage.tcp_uses[NO_VRF].unseen:
        percents = bind.percent(bind.used.best), bind.percent(bind.used.high)
        if any(_differs(limit, *percents) for limit in limits.bind_used_percent):
            return False
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
