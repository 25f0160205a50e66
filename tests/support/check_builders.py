"""A check of a sample, without a host."""

from __future__ import annotations

from typing import Any, Callable

import nagiosplugin

from check_ephemeral_port.model.sockets import SocketEntry, endpoint
from check_ephemeral_port.model.thresholds import ThresholdRange
from check_ephemeral_port.model.usage import (
    ConnectRules,
    Question,
    Watch,
    host_usage,
)
from check_ephemeral_port.plugin.contexts import Thresholds, contexts
from check_ephemeral_port.plugin.resources import EphemeralPorts, Observation
from check_ephemeral_port.plugin.summaries import PortSummary
from tests.support.builders import UDP, bound, connected, pool, sample

DEFAULTS = Thresholds(ThresholdRange(end=80), ThresholdRange(end=90))
NEVER = Thresholds()


def clients(count: int, remote: str = "192.0.2.7", **more: Any) -> list[SocketEntry]:
    """``count`` connections to one destination, on the ports that connect() takes."""
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def udp_sockets(count: int, **more: Any) -> list[SocketEntry]:
    return [bound(40000 + n, protocol=UDP, **more) for n in range(count)]


def watch(name: str, *addresses: str) -> Watch:
    port = int(name.rpartition(":")[2])
    return Watch(name, tuple(endpoint(address, port) for address in addresses))


def observe(
    *entries: SocketEntry, unseen: int = 0, time_wait: bool = True, **question: Any
) -> Observation:
    seen = sample(*entries, unseen=unseen)
    visibility = seen.visibility._replace(time_wait=time_wait)
    seen = seen._replace(visibility=visibility)
    usage = host_usage(seen, pool(), ConnectRules(), Question(**question))
    return Observation(pool(), "/proc/range", seen, usage)


def check_of(
    look: Callable[[], Observation],
    used: Thresholds = DEFAULTS,
    free: Thresholds = NEVER,
    bind_used: Thresholds = NEVER,
    fast_used: Thresholds = NEVER,
    eta: Thresholds = NEVER,
) -> Any:
    """The check that this look at a host results in."""
    resource = EphemeralPorts(look)
    judges = contexts(used, free, bind_used, fast_used, eta)
    check = nagiosplugin.Check(resource, *judges, PortSummary(resource))
    check()
    return check


def checked(*entries: SocketEntry, question: Any = (), **thresholds: Any) -> Any:
    return check_of(lambda: observe(*entries, **dict(question)), **thresholds)
