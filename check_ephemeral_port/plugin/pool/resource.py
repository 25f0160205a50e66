"""From a look at the host to nagiosplugin's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import nagiosplugin

from ...model.ports import PortPool
from ...model.records import NamedTuple
from ...model.sample import SocketSample
from ...model.sockets import TCP, UDP, Destination, SocketEntry
from ...model.usage import ConnectUsage, HostUsage, Usage, Watch
from ..text import NAME

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ...model.forecast.forecast import Forecast, Outlook
    from ...model.namespaces import Namespace

USED_PERCENT = "used_percent"
BIND_USED_PERCENT = "bind_used_percent"
FAST_USED_PERCENT = "fast_used_percent"
FREE_PORTS = "free_ports"
BIND_FREE_PORTS = "bind_free_ports"
ETA_SECONDS = "eta_seconds"
BIND_ETA_SECONDS = "bind_eta_seconds"
COUNT = "count"


class Observation(NamedTuple):
    """What one run of the check found out."""

    pool: PortPool
    pool_origin: str
    sample: SocketSample
    usage: HostUsage
    namespace: Namespace | None = None
    """The network namespace that was looked into; ``None``: nobody asked for one."""
    outlook: Outlook | None = None
    """``None`` if no history is kept."""
    pool_notes: Sequence[str] = ()
    """What the reader should know of this system's rules, for people."""


class Reading(NamedTuple):
    """One usage: whose ports they are, and the perfdata labels that carry it."""

    kind: str
    """``tcp_connect``, ``tcp_bind`` or ``udp_bind``."""
    usage: Usage
    protocol: str
    whom: str
    """For whom the ports are counted: ``to 192.0.2.7:443``, ``for UDP``."""
    connect: ConnectUsage | None = None
    suffix: str = ""
    """Behind the kind in the labels, for one of several watched destinations."""
    forecast: Forecast | None = None
    """``None`` if no history is kept."""

    @property
    def label(self) -> str:
        """Perfdata label of the percentage."""
        return self.kind + self.suffix

    @property
    def free_label(self) -> str:
        """Perfdata label of the ports left."""
        return f"{self.label}_free"

    @property
    def eta_label(self) -> str:
        """Perfdata label of the seconds left."""
        return f"{self.label}_eta"

    @property
    def destination(self) -> Destination | None:
        """The destination that the ports are counted for, if there is one."""
        return self.connect.destination if self.connect else None

    def where_it_ends(self) -> Reading:
        """The same for the destination where ports will be missing first."""
        ahead = self.forecast
        if not (ahead and ahead.destination and self.connect):
            return self
        connect = self.connect._replace(destination=ahead.destination)
        whom = f"to {ahead.name or ahead.destination.remote}"
        return self._replace(connect=connect, whom=whom)

    def concerns(self, entry: SocketEntry) -> bool:
        """Whether the socket holds one of the ports that the usage is about."""
        if entry.protocol != self.protocol:
            return False
        to = self.destination
        return to is None or (entry.local.address, entry.remote) == to


class EphemeralPorts(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """The ephemeral ports of a host. Looks when it is probed, all before the first
    metric: nagiosplugin would put the text of a failing look on that metric."""

    name = NAME

    def __init__(self, observe: Callable[[], Observation]) -> None:
        self._observe = observe
        self.observation: Observation | None = None
        self.readings: list[Reading] = []

    def probe(self) -> list[nagiosplugin.Metric]:
        """Sample the host and describe it in metrics."""
        self.observation = self._observe()
        self.readings = list(_readings(self.observation.usage))
        if self.observation.outlook:
            # one each, in the same order
            pairs = zip(self.readings, self.observation.outlook.in_order())
            self.readings = [one._replace(forecast=ahead) for one, ahead in pairs]
        return list(_metrics(self.observation.usage, self.readings))

    def reading(self, label: str) -> Reading | None:
        """The reading that a perfdata label belongs to; ``None`` for counts."""
        for reading in self.readings:
            if label in (reading.label, reading.free_label, f"{reading.label}_fast"):
                return reading
            if label == reading.eta_label:
                return reading.where_it_ends()
        return None


def _readings(usage: HostUsage) -> Iterator[Reading]:
    fullest = usage.tcp_connect
    if fullest:
        whom = "for TCP connect()"
        if fullest.destination:
            whom = f"to {fullest.destination.remote}"
        for watch, connect in usage.watched:
            if connect is fullest:
                whom = f"to {watch.name}"
        yield Reading("tcp_connect", fullest.ports, TCP, whom, fullest)
    for watch, connect in usage.watched:
        whom, suffix = f"to {watch.name}", f"_{_in_label(watch)}"
        yield Reading("tcp_connect", connect.ports, TCP, whom, connect, suffix)
    if usage.tcp_bind:
        yield Reading("tcp_bind", usage.tcp_bind, TCP, "for TCP bind()")
    if usage.udp_bind:
        yield Reading("udp_bind", usage.udp_bind, UDP, "for UDP")


def _in_label(watch: Watch) -> str:
    # IPv6 written out, since Icinga 2 takes '::' in a label for a separator
    # (PluginUtility::SplitPerfdata(), for check_multi)
    if not watch.name.startswith("["):
        return watch.name
    from ipaddress import IPv6Address

    address, _, port = watch.name[1:].rpartition("]")
    return f"[{IPv6Address(address.partition('%')[0]).exploded}]{port}"


def _metrics(
    usage: HostUsage, readings: list[Reading]
) -> Iterator[nagiosplugin.Metric]:
    for reading in readings:
        is_bind = reading.kind == "tcp_bind"
        ports = reading.usage
        yield _percentage(
            reading.label, ports, BIND_USED_PERCENT if is_bind else USED_PERCENT
        )
        yield nagiosplugin.Metric(
            reading.free_label,
            ports.free.best,
            min=0,
            max=ports.capacity,
            context=BIND_FREE_PORTS if is_bind else FREE_PORTS,
        )
        if reading.forecast and reading.forecast.left:
            yield nagiosplugin.Metric(
                reading.eta_label,
                int(reading.forecast.left.likely),
                "s",
                min=0,
                context=BIND_ETA_SECONDS if is_bind else ETA_SECONDS,
            )
    if usage.tcp_connect:
        fast = usage.tcp_connect.first_choice
        yield _percentage("tcp_connect_fast", fast, FAST_USED_PERCENT)
        yield _count("tcp_sockets", usage.tcp_sockets)
        if usage.tcp_time_wait is not None:
            yield _count("tcp_time_wait", usage.tcp_time_wait)
    if usage.udp_bind:
        yield _count("udp_sockets", usage.udp_sockets)


def _percentage(label: str, usage: Usage, context: str) -> nagiosplugin.Metric:
    value = usage.used_percent
    value = int(value) if value == int(value) else value
    return nagiosplugin.Metric(label, value, "%", 0, 100, context)


def _count(label: str, number: int) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(label, number, min=0, context=COUNT)
