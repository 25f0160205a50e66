"""Which ports a TCP connect() can have, for each destination."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress

from .bounds import Bounds, Usage, usage_of
from .connections import (
    Connections,
    PackedDestination,
    PackedPorts,
    pack_address,
    pack_remote,
    packed_remote,
    packed_source,
    port_numbers,
    unpack_destination,
)
from .port_set import PortSet
from .ports import PortPool
from .records import NamedTuple
from .sample import SocketSample
from .settings import ConnectRules, Sharing
from .sockets import TCP, Destination, Endpoint, is_wildcard

SHORTLIST = 16
"""So many destinations more than asked for are ranked at first."""

FIRST_HALF_NEARLY_USED = 0.9
"""From this share on, connect() may well have gone on to the second half."""


class ConnectUsage(NamedTuple):
    """The ports that a connect() to one destination can't have any more."""

    destination: Destination | None
    """``None`` while nothing is connected: then the usage holds for anyone."""
    ports: Usage
    first_choice: Usage
    """The half of the pool that connect() tries first. Once it is used up, every
    connect() walks all of it in vain before it finds a port: it gets slow."""


class TcpUse(NamedTuple):
    """What TCP sockets do with the ports of the pool."""

    bound: set[int]
    """Held through bind(), surely, or by anyone where ports are never shared: not to
    be had for any connect()."""
    connected: PortSet
    """Held by connections."""
    not_bound: set[int]
    """Connected and not bound before that: somebody tried, or it doesn't matter."""
    likely_bound: set[int]
    """The part of :attr:`unclear` that was most likely bound."""
    connections: Connections
    rules: ConnectRules
    unseen: int
    """At most so many further ports may be bound by sockets that nobody saw."""

    @property
    def unclear(self) -> set[int]:
        """Connected, and perhaps bound before that; nothing shows it."""
        return {*self.connected.without(self.bound).without(self.not_bound)}


def tcp_use(
    sample: SocketSample,
    pool: PortPool,
    rules: ConnectRules,
    settled: Mapping[int, bool] = {},
) -> TcpUse:
    """Sort the ports of TCP sockets by what they keep others from doing.

    ``settled`` says of unclear ports whether they are bound, if somebody tried.
    """
    bound = {entry.local.port for entry in sample.entries if entry.protocol == TCP}
    bound.update(port for port, is_bound in settled.items() if is_bound)
    not_bound = {port for port, is_bound in settled.items() if not is_bound}
    connected = PortSet()
    second_half: dict[bytes, Counter[int]] = defaultdict(Counter)
    for source, packed in sample.connections.ports_by_source():
        ports = port_numbers(packed)
        connected.update(ports)
        second_half[source].update(_of_second_half(packed, ports, pool))
    if rules.sharing is Sharing.NEVER:
        bound.update(connected)
    elif rules.sharing is Sharing.BY_DESTINATION:
        not_bound = {*connected}
    # bind(0) begins at the second half. Ports of it that one address uses twice were
    # most likely not bound; though a listener that is gone may have accepted both
    held_once = {
        source: {port for port, count in times.items() if count == 1}
        for source, times in second_half.items()
    }
    connections = sample.connections
    likely = _likely_bound(held_once, bound, connections, pool) - bound - not_bound
    unseen = sample.unseen_tcp_sockets
    return TcpUse(bound, connected, not_bound, likely, connections, rules, unseen)


def _of_second_half(
    packed: PackedPorts, ports: Iterable[int], pool: PortPool
) -> Iterable[int]:
    """Those that connect() tries last. There may be half a million ports; one by one
    it would take longer than all the rest."""
    odd = bytes(number % 2 for number in range(256))
    even = bytes(1 - number % 2 for number in range(256))
    flags = packed[1::2].translate(even if pool.range.first % 2 else odd)
    return compress(ports, flags) if 1 in flags else ()


def _likely_bound(
    held_once: Mapping[bytes, set[int]],
    bound: AbstractSet[int],
    connections: Connections,
    pool: PortPool,
) -> set[int]:
    # connect() goes on to the second half when the first is used up: a port of the
    # second half, while there was room in the first, was bound
    first_choice = pool.range.is_first_choice
    nearly_used = FIRST_HALF_NEARLY_USED * pool.first_choice_capacity
    nearly_used -= sum(map(first_choice, bound))
    if nearly_used <= 0 or not any(held_once.values()):
        return set()
    went_on: dict[bytes, set[int]] = defaultdict(set)
    for size, key in connections.sizes():
        if size >= nearly_used:
            ports = {*connections.ports(key)} - bound
            if sum(map(first_choice, ports)) >= nearly_used:
                went_on[packed_source(key)] |= ports
    likely: set[int] = set()
    for source, ports in held_once.items():
        likely |= ports - went_on[source]
    return likely


def connect_usage(
    use: TcpUse, pool: PortPool, key: PackedDestination | None
) -> ConnectUsage:
    """The ports that a connect() to this destination can't have.

    kernel: ``__inet_hash_connect()`` takes a port unless its bind bucket is one
    that bind() made, or ``__inet_check_established()`` finds the 4-tuple.
    """
    taken, waiting = _held_for(use, key) if key else ((), ())
    surely, reusable = PortSet(taken), PortSet(waiting)
    surely.update(use.bound)
    likely = PortSet(use.likely_bound).without(surely)
    perhaps = use.connected.without(surely)
    perhaps = perhaps.without(port for port in use.not_bound if port not in reusable)
    low, more, most = (
        ports.count_first_choice(pool.range) for ports in (surely, likely, perhaps)
    )
    room = pool.first_choice_capacity
    first_bounds = Bounds(low, low + more, min(low + most + use.unseen, room))
    low = len(surely)
    return ConnectUsage(
        unpack_destination(key) if key else None,
        usage_of(pool, low, low + len(likely), low + len(perhaps) + use.unseen),
        Usage(room, first_bounds),
    )


def _held_for(use: TcpUse, key: PackedDestination) -> tuple[array[int], array[int]]:
    """Ports surely not to be had for a connect(), and those in a TIME_WAIT that may
    be taken over, unless the peer used no timestamps."""
    taken = use.connections.held.get(key, bytearray())
    waiting = use.connections.time_wait.get(key, bytearray())
    if waiting and use.rules.allow_reuse(unpack_destination(key)):
        return port_numbers(taken), port_numbers(waiting)
    return port_numbers(taken + waiting), port_numbers(b"")


def fullest_destinations(
    use: TcpUse,
    pool: PortPool,
    count: int,
    asked: Callable[[PackedDestination], bool] | None = None,
) -> list[ConnectUsage]:
    """Usage for the fullest ``count`` destinations, fullest first.

    ``asked`` narrows them down. None at all where connect() doesn't ask for it.
    """
    if not use.connected or use.rules.sharing is Sharing.NEVER:
        return []
    from heapq import nlargest  # late: an idle host has nothing to rank

    likely = use.bound | use.likely_bound
    elsewhere = len(use.connected.without(likely))

    def used(key: PackedDestination) -> int:
        taken, _ = _held_for(use, key)
        return len(PortSet(taken).without(likely))

    def candidates() -> Iterable[tuple[int, PackedDestination]]:
        sizes = use.connections.sizes()
        return (c for c in sizes if asked(c[1])) if asked else sizes

    def fullest(
        largest_first: Iterable[tuple[int, PackedDestination]],
    ) -> list[tuple[int, PackedDestination]]:
        found: list[tuple[int, PackedDestination]] = []
        for size, key in largest_first:
            # no destination is fuller than it has connections
            if len(found) == count and found[-1][0] >= min(size, elsewhere):
                break
            found = nlargest(count, [*found, (used(key), key)])
        return found

    shortlist = nlargest(count + SHORTLIST, candidates())
    found = fullest(shortlist)
    if len(shortlist) == count + SHORTLIST:
        if found[-1][0] < min(shortlist[-1][0], elsewhere):
            found = fullest(sorted(candidates(), reverse=True))
    return [connect_usage(use, pool, key) for _, key in found]


def fullest_of(
    use: TcpUse, pool: PortPool, asked: Callable[[PackedDestination], bool] | None
) -> ConnectUsage:
    """Usage for the fullest destination, or for all if nothing is connected."""
    fullest = fullest_destinations(use, pool, 1, asked)
    return fullest[0] if fullest else connect_usage(use, pool, None)


def asked_for(
    source: str | None, remotes: Sequence[Endpoint] | None = None
) -> Callable[[PackedDestination], bool] | None:
    """Which destinations the source and the remote ends leave; ``None`` for all."""
    # the wildcards leave the source address to the route
    any_source = source is None or is_wildcard(source)
    if any_source and remotes is None:
        return None
    packed = pack_address(source) if source else b""
    ends = {*map(pack_remote, remotes or ())}
    return lambda key: (
        (any_source or packed_source(key) == packed)
        and (remotes is None or packed_remote(key) in ends)
    )
