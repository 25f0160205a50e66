"""Sockets listed by Linux's sock_diag. It shows more than psutil and is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic

from ...model.connections import Connections
from ...model.ports import PortPool, PortRange
from ...model.sample import SocketSample
from ...model.settings import ConnectRules
from ...model.sockets import TCP, Endpoint, SocketEntry, SocketListing, Visibility
from .inet_diag import ALL_STATES, CONNECTIONS, Chunk, decode_chunk
from .inet_diag_count import ConnectionCounter
from .inet_diag_filter import on_local_ports, with_named_port
from .netlink import SockDiag, lists_idle_sockets, with_sock_diag
from .sockstat import is_without_sockets, max_idle_tcp_sockets

SAMPLER = "sock_diag"
VISIBILITY = Visibility(
    bound_sockets=True, time_wait_age=True, v6only=True, device=True
)
MAX_SPANS = 1000
"""The maximum number of port ranges in the filter of one request."""


def list_by_sock_diag(
    pool: PortPool, protocols: Sequence[str], remotes: Sequence[Endpoint] = ()
) -> SocketListing:
    """Sockets on ports of the pool, one by one.

    With ``remotes``, only sockets that are connected to one of these.
    Raises :class:`SystemReadError` if sock_diag is not available.
    """
    states = CONNECTIONS if remotes else ALL_STATES

    def task(kernel: SockDiag) -> list[SocketEntry]:
        entries: list[SocketEntry] = []
        for protocol in protocols:
            decode = partial(decode_chunk, protocol=protocol)
            for socket_filter in _filters(pool, remotes):
                entries += kernel.dump(protocol, socket_filter, decode, states)
        return entries

    notes: list[str] = []
    entries = with_sock_diag(task, notes)
    visibility, idle = _coverage(pool, protocols, entries, notes)
    return SocketListing(entries, visibility, SAMPLER, idle, notes, monotonic())


def sample_by_sock_diag(
    pool: PortPool, protocols: Sequence[str], rules: ConnectRules
) -> SocketSample:
    """Sockets on ports of the pool. TCP connections are counted while they are read.

    Raises :class:`SystemReadError` if sock_diag is not available.
    """
    # a dump is slow even then: the kernel walks the sockets of all network namespaces
    if is_without_sockets():
        return SocketSample([], Connections(), VISIBILITY, SAMPLER)

    def task(kernel: SockDiag) -> SocketSample:
        entries: list[SocketEntry] = []
        connections = Connections()
        for protocol in protocols:
            read: Callable[[bytes], Chunk] = partial(decode_chunk, protocol=protocol)
            if protocol == TCP:
                read = ConnectionCounter(connections, rules).read
            for socket_filter in _filters(pool):
                entries += kernel.dump(protocol, socket_filter, read)
        connections.join_v4_mapped()
        return SocketSample(entries, connections, VISIBILITY, SAMPLER)

    notes: list[str] = []
    sample = with_sock_diag(task, notes)
    visibility, idle = _coverage(pool, protocols, sample.entries, notes)
    return sample._replace(visibility=visibility, unseen_tcp_sockets=idle, notes=notes)


def named_connections(pool: PortPool) -> Connections:
    """The connections on ports of the pool for which bind() named the port.

    Those in TIME_WAIT are missing. No privilege is necessary.
    Raises :class:`SystemReadError` if sock_diag is not available.
    """

    def task(kernel: SockDiag) -> Connections:
        connections = Connections()
        for spans in _groups_of_spans(pool):
            counter = ConnectionCounter(connections, ConnectRules())
            kernel.dump(TCP, with_named_port(spans), counter.read, CONNECTIONS)
        connections.join_v4_mapped()
        return connections

    return with_sock_diag(task, [])


def _coverage(
    pool: PortPool,
    protocols: Sequence[str],
    entries: Sequence[SocketEntry],
    notes: list[str],
) -> tuple[Visibility, int]:
    """The visibility, and the maximum number of missing TCP sockets."""
    if TCP not in protocols or lists_idle_sockets(entries):
        return VISIBILITY, 0
    idle, reasons = max_idle_tcp_sockets(pool.capacity)
    notes += reasons
    return VISIBILITY._replace(bound_sockets=False), idle


def _filters(pool: PortPool, remotes: Sequence[Endpoint] = ()) -> Iterator[bytes]:
    for spans in _groups_of_spans(pool):
        yield on_local_ports(spans, remotes)


def _groups_of_spans(pool: PortPool) -> Iterator[Sequence[PortRange]]:
    for start in range(0, len(pool.spans), MAX_SPANS):
        yield pool.spans[start : start + MAX_SPANS]
