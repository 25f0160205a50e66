"""Sockets by Linux's sock_diag: what psutil can't see, and fast on busy hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ...model.connections import Connections
from ...model.ports import PortPool
from ...model.sample import SocketSample
from ...model.sockets import TCP, Endpoint, SocketEntry, SocketListing, Visibility
from .inet_diag import Chunk, decode_chunk
from .inet_diag_count import ConnectionCounter
from .inet_diag_filter import on_local_ports
from .netlink import SockDiag, lists_idle_sockets, with_sock_diag
from .sockstat import is_without_sockets, most_idle_tcp_sockets

SAMPLER = "sock_diag"
VISIBILITY = Visibility(
    bound_sockets=True, time_wait_age=True, v6only=True, device=True
)
SPANS_AT_ONCE = 1000
"""So many ranges of ports fit into the filter of one request."""


def list_by_sock_diag(
    pool: PortPool, protocols: Sequence[str], remotes: Sequence[Endpoint] = ()
) -> SocketListing:
    """Sockets on ports of the pool, one by one.

    ``remotes`` narrow them to those that are connected to one of these.
    Raises :class:`SystemReadError`.
    """

    def task(kernel: SockDiag) -> list[SocketEntry]:
        entries: list[SocketEntry] = []
        for protocol in protocols:
            decode = partial(decode_chunk, protocol=protocol)
            for wanted in _filters(pool, remotes):
                entries += kernel.dump(protocol, wanted, decode)
        return entries

    visibility, idle, notes = _what_is_seen(pool, protocols)
    return SocketListing(with_sock_diag(task, notes), visibility, SAMPLER, idle, notes)


def sample_by_sock_diag(
    pool: PortPool, protocols: Sequence[str], reuse_delay_seconds: float
) -> SocketSample:
    """Sockets on ports of the pool, TCP connections summed up while they are read.

    Raises :class:`SystemReadError`.
    """
    # the kernel would walk the sockets of all network namespaces to find none
    if is_without_sockets():
        return SocketSample([], Connections(), VISIBILITY, SAMPLER)

    def task(kernel: SockDiag) -> SocketSample:
        entries: list[SocketEntry] = []
        connections = Connections()
        for protocol in protocols:
            read: Callable[[bytes], Chunk] = partial(decode_chunk, protocol=protocol)
            if protocol == TCP:
                read = ConnectionCounter(connections, reuse_delay_seconds).read
            for wanted in _filters(pool):
                entries += kernel.dump(protocol, wanted, read)
        connections.join_v4_mapped()
        return SocketSample(entries, connections, visibility, SAMPLER, idle, notes)

    visibility, idle, notes = _what_is_seen(pool, protocols)
    return with_sock_diag(task, notes)


def _what_is_seen(
    pool: PortPool, protocols: Sequence[str]
) -> tuple[Visibility, int, list[str]]:
    """The visibility, how many TCP sockets may be missing, and notes."""
    if TCP not in protocols or lists_idle_sockets():
        return VISIBILITY, 0, []
    idle, notes = most_idle_tcp_sockets(pool.capacity)
    return VISIBILITY._replace(bound_sockets=False), idle, notes


def _filters(pool: PortPool, remotes: Sequence[Endpoint] = ()) -> Iterator[bytes]:
    spans = pool.spans
    for start in range(0, len(spans), SPANS_AT_ONCE):
        yield on_local_ports(spans[start : start + SPANS_AT_ONCE], remotes)
