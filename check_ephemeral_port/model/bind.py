"""Which ports a bind() to port 0 can have, TCP and UDP."""

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


class _Holder(NamedTuple):
    """Ports that are held on one address."""

    address: str
    ports: Iterable[int]
    connected: bool
    v6only: bool | None


def tcp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None, use: TcpUse
) -> Usage:
    """The ports that bind() to port 0 of ``source`` can't have (``None``: any).

    kernel: ``inet_csk_find_open_port()``, ``inet_bind_conflict()``.
    """
    holders = [_holder(entry) for entry in entries]
    if source is None:
        holders.append(_Holder("", use.connected, connected=True, v6only=None))
    else:
        for packed, ports in use.connections.ports_by_source():
            address, numbers = address_text(packed), port_numbers(ports)
            holders.append(_Holder(address, numbers, connected=True, v6only=None))
    low, best, high = _held(holders, source, use.likely_bound)
    return usage_of(pool, low, best, high + use.unseen)


def udp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None
) -> Usage:
    """The ports that UDP's bind() to port 0 of ``source``, or connect(), can't have.

    kernel: ``udp_lib_get_port()``, which walks every port, whatever their number.
    """
    held = _held(map(_holder, entries), source, frozenset())
    return Usage(pool.capacity, held)


def _holder(entry: SocketEntry) -> _Holder:
    address, port = entry.local
    return _Holder(address, (port,), entry.remote is not None, entry.v6only)


def _held(
    holders: Iterable[_Holder], source: str | None, likely_bound: AbstractSet[int]
) -> Bounds:
    surely, likely, at_most = PortSet(), PortSet(), PortSet()
    for holder in holders:
        overlap = overlaps(source, holder.address, holder.connected, holder.v6only)
        if overlap:
            for ports in (surely, likely, at_most):
                ports.update(holder.ports)
        elif overlap is None:
            at_most.update(holder.ports)
            # only a bind() to that very address would have made it V6ONLY
            any_ipv6 = holder.address == ANY_IPV6
            likely.update(holder.ports if any_ipv6 else {*holder.ports} - likely_bound)
    return Bounds(len(surely), len(likely), len(at_most))


def overlaps(
    source: str | None, held: str, connected: bool, v6only: bool | None
) -> bool | None:
    """Whether a new socket on address ``source`` collides with one on ``held``.

    ``None`` if that hangs on the held one's IPV6_V6ONLY, which nobody saw.
    kernel: ``inet_rcv_saddr_equal()``, ``ipv6_rcv_saddr_equal()``; and a bind() to a
    specific IPv6 address sets V6ONLY by itself (``__inet6_bind()``).
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
