"""Advice: programs bind a port before they connect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

from ..connect import ConnectUsage, TcpUse
from ..connections import Connections, unpack_destination
from ..sockets import TCP, Destination, SocketEntry
from .facts import MAIN_CAUSE, Advice

MANY = 0.05
"""There is advice if at least this share of the pool was bound before connect()."""


def advise_bind_before_connect(
    bound: int, connect: ConnectUsage, bound_by: Sequence[str]
) -> Advice | None:
    """Advice if many ports were bound before they connected."""
    if not many_bound_first(bound, connect.ports.capacity):
        return None
    most = bound >= MAIN_CAUSE * connect.ports.used.best
    ports = f"{bound} ports were bound before they connected"
    by = f" ({', '.join(bound_by)})" if bound_by else ""
    return Advice(
        f"{ports}{by}, so no other connect() can use them",
        "let the program set IP_BIND_ADDRESS_NO_PORT before bind(), or not bind at all",
        is_command=False,
        cause=ports if most else "",
    )


def many_bound_first(bound: int, capacity: int) -> bool:
    """Whether this number of ports that were bound first is worth advice."""
    return bound > 0 and bound >= MANY * capacity


def bound_before_connect(
    use: TcpUse,
    entries: Iterable[SocketEntry],
    settled: Mapping[int, bool] = {},
) -> frozenset[int]:
    """Ports that were bound before they connected, as far as this was settled.

    ``entries``: those of the sample. Their TCP ports are left out, because connections
    on the port of a listener were accepted. ``settled``: see
    :func:`~..connect.tcp_use`, for ports that were settled after the usage was counted.
    """
    bound = {port for port in use.bound if port in use.connected}
    bound |= {port for port, is_bound in settled.items() if is_bound}
    listed = {entry.local.port for entry in entries if entry.protocol == TCP}
    return frozenset(bound - listed)


def destinations_of(
    connections: Connections, ports: frozenset[int], count: int
) -> list[Destination]:
    """The ``count`` destinations to which most of these ports are connected."""
    hits = (
        (len(ports.intersection(connections.ports(key))), key)
        for _, key in connections.sizes()
    )
    most = nlargest(count, hits)
    return [unpack_destination(key) for held, key in most if held]
