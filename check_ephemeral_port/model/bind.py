"""Which ports a bind() to port 0 can get, for TCP and UDP."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from .bounds import Bounds, Usage, usage_of
from .connect import TcpUse
from .connections import address_text, port_numbers
from .port_set import PortSet
from .ports import PortPool
from .records import NamedTuple
from .sockets import ANY_IPV4, ANY_IPV6, SocketEntry, is_ipv6


class _HeldPorts(NamedTuple):
    """Ports that sockets hold on one address."""

    address: str
    ports: Iterable[int]
    connected: bool
    v6only: bool | None


def tcp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None, use: TcpUse
) -> Usage:
    """The ports that bind() to port 0 cannot get on address ``source``.

    With ``None``, the port must be free on every address.
    kernel: ``inet_csk_find_open_port()``, ``inet_bind_conflict()``.
    """
    if source is None:
        used = PortSet(entry.local.port for entry in entries)
        used.update(use.connected)
        used.update(use.idle)
        return usage_of(pool, len(used), len(used), len(used) + use.unseen)
    held = [_held_by(entry) for entry in entries]
    for packed, ports in use.connections.ports_by_source():
        address, numbers = address_text(packed), port_numbers(ports)
        held.append(_HeldPorts(address, numbers, connected=True, v6only=None))
    low, best, high = _colliding(held, source, use.likely_bound)
    # the addresses of idle ports are unknown
    return usage_of(pool, low, best, high + use.unseen + len(use.idle))


def udp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None
) -> Usage:
    """The ports that a UDP socket cannot get on address ``source``.

    This holds for bind() to port 0, and for connect(), which binds the socket first.
    kernel: ``udp_lib_get_port()``, which never misses a port of an odd range.
    """
    used = _colliding(map(_held_by, entries), source, frozenset())
    return Usage(pool.capacity, used)


def _held_by(entry: SocketEntry) -> _HeldPorts:
    address, port = entry.local
    return _HeldPorts(address, (port,), entry.remote is not None, entry.v6only)


def _colliding(
    held: Iterable[_HeldPorts], source: str | None, likely_bound: AbstractSet[int]
) -> Bounds:
    surely, likely, at_most = PortSet(), PortSet(), PortSet()
    for address, ports, connected, v6only in held:
        overlap = overlaps(source, address, connected, v6only)
        if overlap:
            for found in (surely, likely, at_most):
                found.update(ports)
        elif overlap is None:
            at_most.update(ports)
            # a socket bound to a specific IPv6 address is V6ONLY and does not collide
            likely.update({*ports} - likely_bound)
    return Bounds(len(surely), len(likely), len(at_most))


def overlaps(
    source: str | None, held: str, connected: bool, v6only: bool | None
) -> bool | None:
    """Whether a new socket on address ``source`` collides with a socket on ``held``.

    ``None`` if that depends on IPV6_V6ONLY of the held socket, and this is unknown.
    kernel: ``inet_rcv_saddr_equal()`` and ``ipv6_rcv_saddr_equal()``. A bind() to a
    specific IPv6 address also makes the socket V6ONLY (``__inet6_bind()``).
    """
    if source is None or source == ANY_IPV6:
        return True
    if is_ipv6(source):
        return held in (source, ANY_IPV6)
    if not is_ipv6(held):
        return source == ANY_IPV4 or held in (source, ANY_IPV4)
    if held != ANY_IPV6 and (source != ANY_IPV4 or not connected):
        return False
    return None if v6only is None else not v6only
