"""Usage figures: each usage with its perfdata labels and its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...model.bounds import Usage
from ...model.connect import ConnectUsage
from ...model.observation import Observation
from ...model.records import NamedTuple
from ...model.sockets import TCP, UDP, Destination
from ...model.usage import HostUsage, Watch
from ..text import clean_name, percent

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ...model.forecast.forecast import Forecast


WOULD_BE_CRITICAL = "which would be critical"
"""Said of the worst case if the estimate is not critical."""


class UsageFigure(NamedTuple):
    """One usage, its scope and its perfdata labels."""

    kind: str
    """``tcp_connect``, ``tcp_bind`` or ``udp_bind``."""
    usage: Usage
    protocol: str
    scope: str
    """What the ports are used for: ``to 192.0.2.7:443``, ``for UDP``."""
    connect: ConnectUsage | None = None
    suffix: str = ""
    """``_192.0.2.7:443`` in the labels of a watched destination, else empty."""
    forecast: Forecast | None = None
    """``None`` if no history is kept."""
    perhaps_free: int | None = None
    """Free ports in the worst case; ``None`` if there is none worth a word."""
    free_unless_hidden: int | None = None
    """Free ports if invisible TIME_WAIT holds as many as it can; ``None`` if it is
    visible, or holds none."""
    found_port: bool | None = None
    """Whether a connect() that was tried just now found a port; ``None`` if none was
    tried."""

    @property
    def label(self) -> str:
        """Perfdata label of the used ports, in percent."""
        return self.kind + self.suffix

    @property
    def free_label(self) -> str:
        """Perfdata label of the free ports."""
        return f"{self.label}_free"

    @property
    def eta_label(self) -> str:
        """Perfdata label of the remaining time, in seconds."""
        return f"{self.label}_eta"

    @property
    def destination(self) -> Destination | None:
        """The destination whose ports are counted; ``None`` for all."""
        return self.connect.destination if self.connect else None

    def first_to_run_out(self) -> UsageFigure:
        """The figure for the destination whose ports will run out first."""
        forecast = self.forecast
        if not (forecast and forecast.destination and self.connect):
            return self
        connect = self.connect._replace(destination=forecast.destination)
        scope = f"to {forecast.name or forecast.destination.remote}"
        return self._replace(connect=connect, scope=scope)


def usage_figures(observation: Observation) -> list[UsageFigure]:
    """The figures of an observation, with their forecasts."""
    figures = list(_figures(observation.usage, observation.device_names))
    if observation.forecast:
        # one forecast for each figure, in the same order
        pairs = zip(figures, observation.forecast.in_order())
        figures = [figure._replace(forecast=forecast) for figure, forecast in pairs]
    figures += [*_on_devices(observation), *_in_vrfs(observation)]
    tried = observation.found_port
    return [
        figure._replace(
            perhaps_free=_perhaps_free(figure, observation),
            free_unless_hidden=_free_unless_hidden(figure, observation),
            found_port=tried.get(figure.destination),
        )
        for figure in figures
    ]


def _perhaps_free(figure: UsageFigure, observation: Observation) -> int | None:
    connect = figure.connect
    if not connect or not observation.tells_worst_case:
        return None
    is_worse = connect.used_if_bound > figure.usage.used.best
    return connect.free_if_bound if is_worse else None


def _free_unless_hidden(figure: UsageFigure, observation: Observation) -> int | None:
    free = figure.usage.free
    # other sockets that are not visible use few ports
    is_hidden = not observation.sample.visibility.time_wait
    return free.low if is_hidden and figure.connect and not free.exact else None


def _on_devices(observation: Observation) -> Iterator[UsageFigure]:
    """Watched destinations, for sockets that are bound to a device."""
    for watch, connect in observation.usage.on_devices:
        device = clean_name(observation.device_names[watch.device])
        scope, suffix = f"to {watch.name} on {device}", f"_{_in_label(watch)}%{device}"
        yield UsageFigure("tcp_connect", connect.ports, TCP, scope, connect, suffix)


def _in_vrfs(observation: Observation) -> Iterator[UsageFigure]:
    """The fullest destination in each VRF."""
    names = observation.device_names
    for vrf, connect in observation.usage.in_vrfs.items():
        name = clean_name(names[vrf])
        scope = f"for TCP connect() in VRF {name}"
        if connect.destination and connect.ports.used.best:
            scope = f"to {_remote(connect.destination, names)}"
            if connect.destination.device != vrf:
                scope = f"{scope} in VRF {name}"
        yield UsageFigure(
            "tcp_connect", connect.ports, TCP, scope, connect, suffix=f"%{name}"
        )


def _figures(usage: HostUsage, devices: Mapping[int, str]) -> Iterator[UsageFigure]:
    fullest = usage.tcp_connect
    if fullest:
        scope = "for TCP connect()"
        if fullest.destination and fullest.ports.used.best:
            scope = f"to {_remote(fullest.destination, devices)}"
        for watch, connect in usage.watched:
            if connect is fullest:
                scope = f"to {watch.name}"
        yield UsageFigure("tcp_connect", fullest.ports, TCP, scope, fullest)
    for watch, connect in usage.watched:
        scope, suffix = f"to {watch.name}", f"_{_in_label(watch)}"
        yield UsageFigure("tcp_connect", connect.ports, TCP, scope, connect, suffix)
    if usage.tcp_bind:
        yield UsageFigure("tcp_bind", usage.tcp_bind, TCP, "for TCP bind()")
    if usage.udp_bind:
        yield UsageFigure("udp_bind", usage.udp_bind, UDP, "for UDP")


def _remote(destination: Destination, devices: Mapping[int, str]) -> str:
    if not destination.device:
        return str(destination.remote)
    from ..names import remote_name  # late: most connections have no device

    return remote_name(destination, devices)


def _in_label(watch: Watch) -> str:
    # IPv6 in full, since Icinga 2 reads '::' in a label as a separator
    # (PluginUtility::SplitPerfdata(), for check_multi)
    if not watch.name.startswith("["):
        return watch.name
    from ipaddress import IPv6Address

    host, _, port = watch.name[1:].rpartition("]")
    address, percent_sign, zone = host.partition("%")
    return f"[{IPv6Address(address).exploded}{percent_sign}{zone}]{port}"


def describe(figure: UsageFigure, used_limit: str = "", free_limit: str = "") -> str:
    """``97% of 28232 ports to 192.0.2.7:443 used, above 90%, 732 remaining``.

    Limits: which ones the used or free ports have crossed, in words; empty for none.
    """
    ports = figure.usage
    if not ports.capacity:
        return f"no ports {figure.scope}, every port of the range is reserved"
    share = percent(ports.used_percent)
    if used_limit == f"above {share}":  # rounded, it would not be above
        share = f"{ports.used_percent:.2f}%"
    parts = [f"{share} of {ports.capacity} ports {figure.scope} used"]
    if used_limit != WOULD_BE_CRITICAL:
        parts.append(used_limit)
    parts.append(_remaining(figure))
    if free_limit != WOULD_BE_CRITICAL:
        parts.append(free_limit)
    parts.append(_certainty(figure))
    if WOULD_BE_CRITICAL in (used_limit, free_limit):
        parts.append(WOULD_BE_CRITICAL)
    return ", ".join(filter(None, parts))


def _remaining(figure: UsageFigure) -> str:
    remaining = f"{figure.usage.free.best or 'none'} remaining"
    if figure.found_port:
        return f"{remaining} by count"
    is_estimate = figure.found_port is None and figure.perhaps_free is not None
    return f"{remaining} by estimate" if is_estimate else remaining


def _certainty(figure: UsageFigure) -> str:
    """What speaks for the number of free ports, or against it."""
    if figure.found_port is not None:
        outcome = "found a port" if figure.found_port else "was refused"
        but = "but " if figure.found_port else ""
        return f"{but}a connect tried just now {outcome}"
    if figure.perhaps_free is not None:
        return f"perhaps {figure.perhaps_free}"
    if figure.free_unless_hidden is not None:
        few = figure.free_unless_hidden
        return f"perhaps only {few} since TIME_WAIT is not visible here"
    return ""
