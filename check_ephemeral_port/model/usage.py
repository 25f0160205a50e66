"""How much of the pool is used, for each kind of request that can fail.

The kernel's functions that decide are named where their rules are coded. A rule
that needs something no sampler can see yields bounds beside its best estimate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from heapq import nlargest

from .ports import PortPool
from .records import NamedTuple
from .sockets import (
    ANY_IPV4,
    ANY_IPV6,
    TCP,
    UDP,
    Destination,
    Endpoint,
    SocketEntry,
    SocketSample,
    TcpState,
    is_ipv6,
    is_loopback,
    is_wildcard,
)

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


class TimeWaitRules(NamedTuple):
    """The settings by which connect() may take over a port in TIME_WAIT."""

    reuse: int | None = 0
    """``net.ipv4.tcp_tw_reuse``: 0 never, 1 always, 2 on loopback; ``None`` if the
    system doesn't tell."""
    reuse_delay_seconds: float = 1.0
    """``net.ipv4.tcp_tw_reuse_delay``, in seconds."""
    timestamps: bool = True
    """``net.ipv4.tcp_timestamps``: without them nothing is ever reused."""


class DestinationPorts(NamedTuple):
    """Ports of the pool that connections to one destination hold."""

    taken: set[int]
    """Surely not to be had for a further connect()."""
    reusable: set[int]
    """In TIME_WAIT, and to be had again, unless the peer used no timestamps."""


class TcpUse(NamedTuple):
    """What TCP sockets do with the ports of the pool."""

    bound: set[int]
    """Held through bind(), surely: not to be had for any connect()."""
    unclear: set[int]
    """Connected, and perhaps bound before that; nothing shows it."""
    likely_bound: set[int]
    """The part of ``unclear`` that was most likely bound."""
    destinations: dict[Destination, DestinationPorts]
    unseen: int
    """At most so many further ports may be bound by sockets that nobody saw."""


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
    tcp_time_wait: int
    udp_sockets: int


def host_usage(
    sample: SocketSample,
    pool: PortPool,
    rules: TimeWaitRules,
    question: Question = Question(),
    settled: Mapping[int, bool] = {},
) -> HostUsage:
    """All usages that the question asks for; ``settled`` as in :func:`tcp_use`."""
    entries = [entry for entry in sample.entries if pool.includes(entry.local.port)]
    tcp = [entry for entry in entries if entry.protocol == TCP]
    udp = [entry for entry in entries if entry.protocol == UDP]
    use = tcp_use(tcp, pool, rules, settled, sample.unseen_tcp_sockets)
    connect, watched = None, []
    if question.tcp and question.watches:
        for watch in question.watches:
            asked = _asked(use, question.source, watch.remotes)
            watched.append((watch, _fullest(use, pool, asked)))
        connect = max((u for _, u in watched), key=lambda u: u.ports.used.best)
    elif question.tcp:
        connect = _fullest(use, pool, _asked(use, question.source, None))
    return HostUsage(
        pool,
        use,
        connect,
        watched,
        tcp_bind_usage(tcp, pool, question.source, use) if question.tcp else None,
        udp_bind_usage(udp, pool, question.source) if question.udp else None,
        tcp_sockets=len(tcp),
        tcp_time_wait=sum(entry.state is TcpState.TIME_WAIT for entry in tcp),
        udp_sockets=len(udp),
    )


def tcp_use(
    entries: Iterable[SocketEntry],
    pool: PortPool,
    rules: TimeWaitRules,
    settled: Mapping[int, bool] = {},
    unseen: int = 0,
) -> TcpUse:
    """Sort the ports of TCP sockets by what they keep others from doing.

    ``settled`` says of unclear ports whether they are bound, if somebody tried.
    """
    bound: set[int] = set()
    connected: set[Endpoint] = set()
    shared: set[int] = set()
    destinations: dict[Destination, DestinationPorts] = defaultdict(
        lambda: DestinationPorts(set(), set())
    )
    for entry in entries:
        port, destination = entry.local.port, entry.destination
        if destination is None:
            bound.add(port)
            continue
        if entry.local in connected:
            # most likely by connect(); a listener that is gone may have accepted both
            shared.add(port)
        connected.add(entry.local)
        # kernel: __inet_check_established() compares bound devices as well; a
        # socket on a device of its own leaves the 4-tuple to the others
        if entry.device:
            continue
        held = destinations[destination]
        (held.reusable if _may_be_reused(entry, rules) else held.taken).add(port)
    bound.update(port for port, is_bound in settled.items() if is_bound)
    unclear = {port for _, port in connected}.difference(bound, settled)
    likely = _likely_bound(unclear - shared, bound, destinations.values(), pool)
    return TcpUse(bound, unclear, likely, dict(destinations), unseen)


def _may_be_reused(entry: SocketEntry, rules: TimeWaitRules) -> bool:
    # kernel: tcp_twsk_unique(); FIN_WAIT2 sockets on the way to TIME_WAIT are
    # reported as FIN_WAIT2 and never reused
    if entry.state is not TcpState.TIME_WAIT or entry.remote is None:
        return False
    loopback = is_loopback(entry.local.address) or is_loopback(entry.remote.address)
    allowed = rules.reuse == 1 or (rules.reuse == 2 and loopback)
    # TIME_WAIT lasts 60 times as long as the usual delay: if nobody knows the age,
    # the delay has most likely passed
    age = entry.time_wait_age_seconds
    old_enough = age is None or age >= rules.reuse_delay_seconds
    return allowed and rules.timestamps and old_enough


def _likely_bound(
    unclear: AbstractSet[int],
    bound: AbstractSet[int],
    destinations: Iterable[DestinationPorts],
    pool: PortPool,
) -> set[int]:
    # connect() goes on to the second half when the first is used up, bind(0) begins
    # there: a port of the second half, while there was room in the first, was bound
    first_choice = pool.range.is_first_choice
    bound_first = sum(map(first_choice, bound))
    nearly_used = FIRST_HALF_NEARLY_USED * pool.first_choice_capacity
    likely: set[int] = set()
    for taken, reusable in destinations:
        ports = (taken | reusable) - bound
        if bound_first + sum(map(first_choice, ports)) < nearly_used:
            likely.update(port for port in ports & unclear if not first_choice(port))
    return likely


def connect_usage(
    use: TcpUse, pool: PortPool, destination: Destination | None
) -> ConnectUsage:
    """The ports that a connect() to this destination can't have.

    kernel: ``__inet_hash_connect()`` takes a port unless its bind bucket is one
    that bind() made, or ``__inet_check_established()`` finds the 4-tuple.
    """
    held = use.destinations.get(destination) if destination else None
    taken, reusable = held or DestinationPorts(set(), set())
    surely = use.bound | taken
    likely = surely | use.likely_bound
    at_most = surely | use.unclear | reusable
    first_choice = pool.range.is_first_choice
    return ConnectUsage(
        destination,
        _usage(pool, len(surely), len(likely), len(at_most) + use.unseen),
        Usage(
            pool.first_choice_capacity,
            Bounds(*(sum(map(first_choice, s)) for s in (surely, likely, at_most))),
        ),
    )


def fullest_destinations(
    use: TcpUse, pool: PortPool, destinations: Iterable[Destination], count: int
) -> list[ConnectUsage]:
    """Usage for the fullest ``count`` of the destinations, fullest first."""
    likely = use.bound | use.likely_bound

    def used(destination: Destination) -> tuple[int, Destination]:
        return len(use.destinations[destination].taken - likely), destination

    fullest = nlargest(count, destinations, key=used)
    return [connect_usage(use, pool, destination) for destination in fullest]


def _fullest(
    use: TcpUse, pool: PortPool, destinations: Iterable[Destination]
) -> ConnectUsage:
    fullest = fullest_destinations(use, pool, destinations, 1)
    return fullest[0] if fullest else connect_usage(use, pool, None)


def _asked(
    use: TcpUse, source: str | None, remotes: Sequence[Endpoint] | None
) -> list[Destination]:
    # the wildcards leave the source address to the route
    any_source = source is None or is_wildcard(source)
    return [
        destination
        for destination in use.destinations
        if (any_source or destination.source == source)
        and (remotes is None or destination.remote in remotes)
    ]


def tcp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None, use: TcpUse
) -> Usage:
    """The ports that bind() to port 0 of ``source`` can't have (``None``: any).

    kernel: ``inet_csk_find_open_port()``, ``inet_bind_conflict()``.
    """
    low, best, high = _held(entries, source, use.likely_bound)
    return _usage(pool, low, best, high + use.unseen)


def udp_bind_usage(
    entries: Iterable[SocketEntry], pool: PortPool, source: str | None
) -> Usage:
    """The ports that UDP's bind() to port 0 of ``source``, or connect(), can't have.

    kernel: ``udp_lib_get_port()``, which walks every port, whatever their number.
    """
    return Usage(pool.capacity, _held(entries, source, frozenset()))


def _held(
    entries: Iterable[SocketEntry],
    source: str | None,
    likely_bound: AbstractSet[int],
) -> Bounds:
    surely: set[int] = set()
    likely: set[int] = set()
    at_most: set[int] = set()
    for entry in entries:
        port = entry.local.port
        overlap = overlaps(source, entry)
        if overlap:
            surely.add(port)
        elif overlap is None:
            at_most.add(port)
            # only a bind() to that very address would have made it V6ONLY
            if entry.local.address == ANY_IPV6 or port not in likely_bound:
                likely.add(port)
    likely |= surely
    return Bounds(len(surely), len(likely), len(at_most | surely))


def overlaps(source: str | None, entry: SocketEntry) -> bool | None:
    """Whether a new socket on address ``source`` collides with the entry's address.

    ``None`` if that hangs on the entry's IPV6_V6ONLY, which nobody saw.
    kernel: ``inet_rcv_saddr_equal()``, ``ipv6_rcv_saddr_equal()``; and a bind() to a
    specific IPv6 address sets V6ONLY by itself (``__inet6_bind()``).
    """
    held = entry.local.address
    if source is None or source == ANY_IPV6:
        return True
    if is_ipv6(source):
        return held in (source, ANY_IPV6)
    if not is_ipv6(held):
        return source == ANY_IPV4 or held in (source, ANY_IPV4)
    if held != ANY_IPV6 and (source != ANY_IPV4 or entry.remote is None):
        return False
    return None if entry.v6only is None else not entry.v6only


def _usage(pool: PortPool, low: int, best: int, high: int) -> Usage:
    high += pool.may_lose_one
    return Usage(pool.capacity, Bounds(low, best, min(high, pool.capacity)))
