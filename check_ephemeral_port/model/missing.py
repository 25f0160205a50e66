"""Which sockets hold the ports that a request cannot get."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from .bind import overlaps
from .connect import held_for
from .connections import NO_VRF, pack_destination
from .port_set import PortSet
from .records import NamedTuple
from .sockets import TCP, Destination, SocketEntry
from .usage import HostUsage

ALL_CONNECTIONS: frozenset[Destination | None] = frozenset({None})


class MissingForConnect(NamedTuple):
    """The ports that a connect() to one destination cannot get."""

    usage: HostUsage
    destination: Destination | None
    """``None`` if they are the same for every destination."""
    blocked: AbstractSet[int]
    """Ports that no connect() can get, to any destination."""
    taken: PortSet
    """Ports of connections to the destination that are in the way of another one."""

    def are_held_by(self, entry: SocketEntry) -> bool:
        """Whether the socket holds one of these ports.

        A connection to another destination does if its port was bound first.
        """
        device, port, to = entry.device or 0, entry.local.port, self.destination
        vrf = self.usage.vrf_of_device(device)
        if entry.protocol != TCP or vrf != self.usage.vrf_of(to):
            return False
        if port in self.blocked:
            return True
        if to is None or port not in self.taken:
            return False
        # kernel: __inet_check_established(), inet_bound_dev_eq(); with l3mdev_accept,
        # all of these devices are in one port table
        vrf_of = self.usage.tcp_uses[NO_VRF].connections.vrf_of
        ends = entry.local.address, entry.remote
        return ends == to[:2] and device in (0, to.device, vrf_of.get(to.device))

    @property
    def connections(self) -> Collection[Destination | None]:
        """The destinations whose connections can hold them; ``None`` means all."""
        connected = self.usage.use_of(self.destination).connected
        if any(port in connected for port in self.blocked):
            return ALL_CONNECTIONS
        return {self.destination} if self.destination else ()


class MissingForBind(NamedTuple):
    """The ports that bind() to port 0 cannot get."""

    usage: HostUsage
    protocol: str
    source: str | None
    """The local address of the request; ``None`` if it needs the port on each one."""

    def are_held_by(self, entry: SocketEntry) -> bool:
        """Whether the socket holds one of these ports."""
        if entry.protocol != self.protocol:
            return False
        vrf = self.usage.vrf_of_device(entry.device or 0)
        if entry.protocol == TCP and vrf != NO_VRF:
            return False  # a VRF has a port table of its own
        is_connected = entry.remote is not None
        address, v6only = entry.local.address, entry.v6only
        return overlaps(self.source, address, is_connected, v6only) is not False

    @property
    def connections(self) -> Collection[Destination | None]:
        """The destinations whose connections can hold them; ``None`` means all."""
        # a sample has UDP sockets one by one
        return ALL_CONNECTIONS if self.protocol == TCP else ()


def missing_for_connect(
    usage: HostUsage, destination: Destination | None
) -> MissingForConnect:
    """The ports that a connect() to this destination most likely cannot get."""
    use = usage.use_of(destination)
    taken = PortSet()
    if destination:
        taken.update(held_for(use, pack_destination(destination))[0])
    return MissingForConnect(usage, destination, use.bound | use.likely_bound, taken)
