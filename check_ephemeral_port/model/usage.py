"""How much of the pool is used, for each kind of request that can fail.

The kernel's functions that decide are named where their rules are coded. A rule
that needs something no sampler can see yields bounds beside its best estimate.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from itertools import compress

from .connections import (
    Connections,
    PackedDestination,
    PackedPorts,
    address_text,
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
from .sockets import (
    ANY_IPV4,
    ANY_IPV6,
    TCP,
    UDP,
    Destination,
    Endpoint,
    SocketEntry,
    TcpState,
    is_ipv6,
    is_loopback,
    is_wildcard,
)

SHORTLIST = 16
"""So many destinations more than asked for are ranked at first."""

FIRST_HALF_NEARLY_USED = 0.9
"""From this share on, connect() may well have gone on to the second half."""


class Bounds(NamedTuple):
    """A number of ports: at least, most likely, at most."""

    low: int
    best: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether nothing is unclear about the number."""
        return self.low == self.high


class Usage(NamedTuple):
    """How many of ``capacity`` ports can't be had for one kind of request."""

    capacity: int
    used: Bounds

    @property
    def free(self) -> Bounds:
        """Ports left: so many further requests will succeed."""
        low, best, high = (self.capacity - used for used in self.used)
        return Bounds(high, best, low)

    @property
    def used_percent(self) -> float:
        """Percent used, rounded down: 100 means that nothing is left."""
        if not self.capacity:
            return 100.0
        return self.used.best * 10000 // self.capacity / 100


class ConnectUsage(NamedTuple):
    """The ports that a connect() to one destination can't have any more."""

    destination: Destination | None
    """``None`` while nothing is connected: then the usage holds for anyone."""
    ports: Usage
    first_choice: Usage
    """The half of the pool that connect() tries first. Once it is used up, every
    connect() walks all of it in vain before it finds a port: it gets slow."""


class Sharing(Enum):
    """What connect() asks of a local port before it takes it."""

    UNLESS_BOUND = "unless bound"
    """Linux: that no socket holds it through bind(), and nobody the 4-tuple."""
    BY_DESTINATION = "by destination"
    """That no socket without a destination holds it, and nobody the 4-tuple; how
    connected sockets came by it doesn't matter."""
    NEVER = "never"
    """That no TCP socket holds it at all, just as bind() to port 0 does."""


class ConnectRules(NamedTuple):
    """The settings by which connect() may have a port that is in use."""

    reuse: int | None = 0
    """``net.ipv4.tcp_tw_reuse``: 0 never, 1 always, 2 on loopback; ``None`` if the
    system doesn't tell."""
    reuse_delay_seconds: float = 1.0
    """``net.ipv4.tcp_tw_reuse_delay``, in seconds."""
    timestamps: bool = True
    """``net.ipv4.tcp_timestamps``: without them nothing is ever reused."""
    sharing: Sharing = Sharing.UNLESS_BOUND

    def allow_reuse(self, destination: Destination) -> bool:
        """Whether a connect() to it may take over TIME_WAIT that is old enough.

        kernel: ``tcp_twsk_unique()``. FIN_WAIT2 sockets on the way to TIME_WAIT are
        reported as FIN_WAIT2 and never reused.
        """
        source, remote = destination
        loopback = is_loopback(source) or is_loopback(remote.address)
        allowed = self.reuse == 1 or (self.reuse == 2 and loopback)
        return allowed and self.timestamps


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


class Watch(NamedTuple):
    """A destination that the user wants to be watched."""

    name: str
    remotes: tuple[Endpoint, ...]


class Question(NamedTuple):
    """For whom the ports are counted."""

    tcp: bool = True
    udp: bool = True
    source: str | None = None
    """The local address; ``None``: the fullest for connect, the worst for bind."""
    watches: tuple[Watch, ...] = ()
    """Only these destinations; empty: all that the sample holds."""


class HostUsage(NamedTuple):
    """The answer to a :class:`Question`."""

    pool: PortPool
    tcp_use: TcpUse
    tcp_connect: ConnectUsage | None
    """To the fullest destination."""
    watched: Sequence[tuple[Watch, ConnectUsage]]
    tcp_bind: Usage | None
    udp_bind: Usage | None
    tcp_sockets: int
    tcp_time_wait: int | None
    """``None`` if nobody could see them."""
    udp_sockets: int


def host_usage(
    sample: SocketSample,
    pool: PortPool,
    rules: ConnectRules,
    question: Question = Question(),
    settled: Mapping[int, bool] = {},
) -> HostUsage:
    """All usages that the question asks for; ``settled`` as in :func:`tcp_use`."""
    states = sample.connections.states
    tcp = [entry for entry in sample.entries if entry.protocol == TCP]
    udp = [entry for entry in sample.entries if entry.protocol == UDP]
    use = tcp_use(sample, pool, rules, settled)
    connect, watched = None, []
    if question.tcp and question.watches:
        for watch in question.watches:
            asked = asked_for(question.source, watch.remotes)
            watched.append((watch, _fullest(use, pool, asked)))
        connect = max((u for _, u in watched), key=lambda u: u.ports.used.best)
    elif question.tcp:
        connect = _fullest(use, pool, asked_for(question.source))
    return HostUsage(
        pool,
        use,
        connect,
        watched,
        tcp_bind_usage(tcp, pool, question.source, use) if question.tcp else None,
        udp_bind_usage(udp, pool, question.source) if question.udp else None,
        tcp_sockets=len(tcp) + len(sample.connections),
        tcp_time_wait=(
            states.get(TcpState.TIME_WAIT, 0) if sample.visibility.time_wait else None
        ),
        udp_sockets=len(udp),
    )


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
        _usage(pool, low, low + len(likely), low + len(perhaps) + use.unseen),
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


def _fullest(
    use: TcpUse, pool: PortPool, asked: Callable[[PackedDestination], bool] | None
) -> ConnectUsage:
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
    return _usage(pool, low, best, high + use.unseen)


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


def _usage(pool: PortPool, low: int, best: int, high: int) -> Usage:
    high += pool.may_lose_one
    return Usage(pool.capacity, Bounds(low, best, min(high, pool.capacity)))
