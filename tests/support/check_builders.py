"""A check of a sample, without a host."""

import nagiosplugin

from check_ephemeral_port.model.sockets import endpoint
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


def clients(count, remote="192.0.2.7", **more):
    """So many connections to one destination, on the ports that connect() takes."""
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def udp_sockets(count, **more):
    return [bound(40000 + n, protocol=UDP, **more) for n in range(count)]


def watch(name, *addresses):
    port = int(name.rpartition(":")[2])
    return Watch(name, tuple(endpoint(address, port) for address in addresses))


def observe(*entries, unseen=0, time_wait=True, **question):
    seen = sample(*entries, unseen=unseen)
    visibility = seen.visibility._replace(time_wait=time_wait)
    seen = seen._replace(visibility=visibility)
    usage = host_usage(seen, pool(), ConnectRules(), Question(**question))
    return Observation(pool(), "/proc/range", seen, usage)


def check_of(
    look, used=DEFAULTS, free=NEVER, bind_used=NEVER, fast_used=NEVER, eta=NEVER
):
    """The check that this look at a host results in."""
    resource = EphemeralPorts(look)
    judges = contexts(used, free, bind_used, fast_used, eta)
    check = nagiosplugin.Check(resource, *judges, PortSummary(resource))
    check()
    return check


def checked(*entries, question=(), **thresholds):
    return check_of(lambda: observe(*entries, **dict(question)), **thresholds)
