"""How much of the pool is used, for each kind of request that needs a port."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .bind import tcp_bind_usage, udp_bind_usage
from .bounds import Usage
from .connect import (
    ConnectUsage,
    TcpUse,
    destination_filter,
    fullest_destinations,
    fullest_of,
    tcp_use,
)
from .connections import NO_VRF, PackedDestination
from .ports import PortPool
from .records import NamedTuple
from .sample import SocketSample
from .settings import ConnectRules
from .sockets import TCP, UDP, Destination, Endpoint, SocketEntry, TcpState


class Watch(NamedTuple):
    """A destination that the user wants to watch."""

    name: str
    """As the user wrote it."""
    remotes: tuple[Endpoint, ...]
    """All addresses of the name, each with the port."""
    device: int = 0
    """Index of the device that the sockets are bound to; 0 for none. It differs by
    network namespace."""
    device_name: str = ""
    """The name of this device, or its index as text."""


class Question(NamedTuple):
    """Which usages the user asks for."""

    tcp: bool = True
    udp: bool = True
    source: str | None = None
    """The local address of the requests. With ``None``, connect() is counted for the
    fullest destination of any source, and bind() needs a port that is free on every
    address."""
    watches: tuple[Watch, ...] = ()
    """Count only these destinations. If empty, count all destinations of the
    sample."""


class HostUsage(NamedTuple):
    """The answer to a :class:`Question`."""

    pool: PortPool
    tcp_uses: Mapping[int, TcpUse]
    """The use of each port table, by VRF."""
    tcp_connect: ConnectUsage | None
    """The usage for the fullest destination outside of VRFs, or of those watched."""
    in_vrfs: Mapping[int, ConnectUsage]
    """The usage for the fullest destination in each VRF; empty if the user watches
    destinations."""
    watched: Sequence[tuple[Watch, ConnectUsage]]
    """Each watch, with the fullest destination among its addresses."""
    on_devices: Sequence[tuple[Watch, ConnectUsage]]
    """To watched destinations, for sockets that are bound to a device."""
    tcp_bind: Usage | None
    """For sockets outside of VRFs."""
    udp_bind: Usage | None
    tcp_sockets: int
    tcp_time_wait: int | None
    """``None`` if the sampler cannot see them."""
    udp_sockets: int

    def vrf_of(self, destination: Destination | None) -> int:
        """The VRF whose port table has the connections to this destination."""
        return self.vrf_of_device(destination.device if destination else 0)

    def vrf_of_device(self, device: int) -> int:
        """The VRF whose port table has the sockets that are bound to this device."""
        return _vrf_of(device, self.tcp_uses)

    def use_of(self, destination: Destination | None) -> TcpUse:
        """The use of the port table that has the connections to this destination."""
        return self.tcp_uses[self.vrf_of(destination)]

    def fullest(
        self, count: int, wanted: Callable[[PackedDestination], bool] | None = None
    ) -> list[ConnectUsage]:
        """The fullest destinations of all port tables; see
        :func:`~.connect.fullest_destinations`."""
        found = [
            connect
            for use in self.tcp_uses.values()
            for connect in fullest_destinations(use, self.pool, count, wanted)
        ]
        return sorted(found, key=_used, reverse=True)[:count]


def host_usage(
    sample: SocketSample,
    pool: PortPool,
    rules: ConnectRules,
    question: Question = Question(),
    settled: Mapping[int, Mapping[int, bool]] = {},
    find_shared: bool = False,
) -> HostUsage:
    """All usages that the question asks for.

    ``settled``, by VRF, and ``find_shared``: see :func:`tcp_use`.
    """
    parts = {NO_VRF: sample}
    if sample.connections.vrf_of:
        from .vrf import samples_by_vrf  # late: few hosts have VRFs

        parts = samples_by_vrf(sample, rules)
    uses = {
        vrf: tcp_use(part, pool, rules, settled.get(vrf, {}), find_shared)
        for vrf, part in parts.items()
    }
    source = question.source

    def to(watch: Watch) -> ConnectUsage:
        wanted = destination_filter(source, watch.remotes, watch.device)
        return fullest_of(uses[_vrf_of(watch.device, uses)], pool, wanted)

    connect = None
    watched, on_devices, in_vrfs = [], [], {}
    if question.tcp and question.watches:
        watched = [(watch, to(watch)) for watch in question.watches]
        connect = max((found for _, found in watched), key=_used)
        others = [
            watch._replace(device=device)
            for watch in question.watches
            for device in sorted(sample.connections.devices - {watch.device})
        ]
        found = [(watch, to(watch)) for watch in others]
        on_devices = [pair for pair in found if pair[1].destination]
    elif question.tcp:
        wanted = destination_filter(source)
        in_vrfs = {vrf: fullest_of(use, pool, wanted) for vrf, use in uses.items()}
        connect = in_vrfs.pop(NO_VRF)
    tcp, udp = _of(TCP, parts[NO_VRF].entries), _of(UDP, sample.entries)
    states = sample.connections.states
    return HostUsage(
        pool,
        uses,
        connect,
        in_vrfs,
        watched,
        on_devices,
        tcp_bind_usage(tcp, pool, source, uses[NO_VRF]) if question.tcp else None,
        udp_bind_usage(udp, pool, source) if question.udp else None,
        tcp_sockets=len(_of(TCP, sample.entries)) + len(sample.connections),
        tcp_time_wait=(
            states.get(TcpState.TIME_WAIT, 0) if sample.visibility.time_wait else None
        ),
        udp_sockets=len(udp),
    )


def _vrf_of(device: int, uses: Mapping[int, TcpUse]) -> int:
    vrf = uses[NO_VRF].connections.vrf_of.get(device, NO_VRF)
    return vrf if vrf in uses else NO_VRF  # VRFs can share one table


def _of(protocol: str, entries: Iterable[SocketEntry]) -> list[SocketEntry]:
    return [entry for entry in entries if entry.protocol == protocol]


def _used(connect: ConnectUsage) -> int:
    return connect.ports.used.best
