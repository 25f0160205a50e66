"""Which ports a TCP connect() can get, for each destination."""

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
    device_of,
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

EXTRA_CANDIDATES = 16
"""Number of extra destinations to rank first. All are ranked only if these are not
enough."""

FIRST_HALF_NEARLY_USED = 0.9
"""From this used share on, connect() can well have reached the second half."""


class ConnectUsage(NamedTuple):
    """The ports that a connect() to one destination cannot get."""

    destination: Destination | None
    """``None`` if the usage is the same for every destination, for example if nothing
    is connected."""
    ports: Usage
    first_choice: Usage
    """The usage of the first-choice ports, the half of the pool that connect() tries
    first. Once they are used up, every connect() is slow: it tries all of them before
    it tries the other half."""
    used_if_shared: int = 0
    """Used ports if connect() can share every unclear port."""
    used_if_bound: int = 0
    """Used ports if every unclear port was bound first. On Linux, also if invisible
    sockets hold as many further ports as they can."""

    @property
    def free_if_bound(self) -> int:
        """Free ports in that case."""
        return self.ports.capacity - self.used_if_bound


class TcpUse(NamedTuple):
    """How TCP sockets use the ports of the pool."""

    bound: set[int]
    """Ports that no connect() can get: certainly held through bind(), or held at all
    if the system never shares ports."""
    connected: PortSet
    """Ports of connections."""
    not_bound: set[int]
    """Ports of connections that were not bound first: the experiment settled it, or the
    rules of the system don't distinguish."""
    likely_bound: set[int]
    """The part of :attr:`unclear` that most likely was bound first."""
    connections: Connections
    rules: ConnectRules
    idle: set[int]
    """The part of :attr:`bound` that no list shows: the experiment found them."""
    unseen: int
    """Maximum number of further ports that invisible sockets can hold."""
    sees_devices: bool = True
    """Whether the sample shows the device that a socket is bound to."""
    shared: PortSet = PortSet()
    """Unclear ports that bind() to port 0 most likely did not hand out: it never takes
    a port that its address uses, and starts in the other half of the range. Only filled
    if asked for."""

    @property
    def unclear(self) -> PortSet:
        """Ports of connections of which the kernel doesn't show whether they were bound
        first."""
        return self.connected.without(self.bound).without(self.not_bound)

    @property
    def is_unclear(self) -> bool:
        """Whether an experiment could show more."""
        return bool(self.unseen or self.unclear)


def tcp_use(
    sample: SocketSample,
    pool: PortPool,
    rules: ConnectRules,
    settled: Mapping[int, bool],
    find_shared: bool,
) -> TcpUse:
    """Sort the ports of TCP sockets by which requests they block.

    ``settled``: whether a port is bound, for the ports that the experiment settled.
    """
    listed = {entry.local.port for entry in sample.entries if entry.protocol == TCP}
    bound = listed.union(port for port, is_bound in settled.items() if is_bound)
    not_bound = {port for port, is_bound in settled.items() if not is_bound}
    connected = PortSet()
    second_half: dict[bytes, Counter[int]] = defaultdict(Counter)
    for source, packed in sample.connections.ports_by_source():
        ports = port_numbers(packed)
        connected.update(ports)
        second_half[source].update(_of_second_half(packed, ports, pool))
    idle = {port for port in bound - listed if port not in connected}
    unseen = sample.unseen_tcp_sockets - len(idle)
    if settled:  # no socket hides on a port that the experiment found free
        unseen = min(unseen, pool.capacity - len({*connected} | bound | not_bound))
    if rules.sharing is Sharing.NEVER:
        bound.update(connected)
    elif rules.sharing is Sharing.BY_DESTINATION:
        not_bound = {*connected}
    # bind(0) starts in the second half. If one address uses a port there twice, the
    # port was most likely not bound (or a listener that is gone accepted both)
    held_once = {
        source: {port for port, count in times.items() if count == 1}
        for source, times in second_half.items()
    }
    connections = sample.connections
    likely: set[int] = set()
    shared = PortSet()
    if find_shared or any(held_once.values()):
        went_on = _went_on(bound, connections, pool)
        if went_on is not None:
            likely = _likely_bound(held_once, went_on) - bound - not_bound
        # with autobind_reuse, bind() to port 0 shares ports as well
        if find_shared and not rules.autobind_reuse:
            shared = shared_ports(connections)
            for used in (went_on or {}).values():
                shared.update(used)
    sees_devices = sample.visibility.device or rules.sharing is not Sharing.UNLESS_BOUND
    return TcpUse(
        bound,
        connected,
        not_bound,
        likely,
        connections,
        rules,
        idle,
        max(0, unseen),
        sees_devices,
        shared,
    )


def shared_ports(connections: Connections) -> PortSet:
    """Ports that several connections of one source address use."""
    shared = PortSet()
    once: dict[bytes, PortSet] = defaultdict(PortSet)
    for source, packed in connections.ports_by_source():
        times = Counter(port_numbers(packed))
        seen = once[source]
        shared.update(port for port, n in times.items() if n > 1 or port in seen)
        seen.update(times)
    return shared


def _of_second_half(
    packed: PackedPorts, ports: Iterable[int], pool: PortPool
) -> Iterable[int]:
    """The ports that connect() tries last. For half a million ports, a loop would take
    longer than the rest of the run."""
    odd = bytes(number % 2 for number in range(256))
    even = bytes(1 - number % 2 for number in range(256))
    flags = packed[1::2].translate(even if pool.range.first % 2 else odd)
    return compress(ports, flags) if 1 in flags else ()


def _went_on(
    bound: AbstractSet[int], connections: Connections, pool: PortPool
) -> Mapping[bytes, set[int]] | None:
    """By source address, the ports of destinations that have used up the first half, so
    that connect() went on to the second half.

    ``None`` if bound ports fill the first half: then every connect() goes on.
    """
    first_choice = pool.range.is_first_choice
    nearly_used = FIRST_HALF_NEARLY_USED * pool.first_choice_capacity
    nearly_used -= sum(map(first_choice, bound))
    if nearly_used <= 0:
        return None
    found: dict[bytes, set[int]] = defaultdict(set)
    for size, key in connections.sizes():
        if size >= nearly_used:
            ports = {*connections.ports(key)} - bound
            if sum(map(first_choice, ports)) >= nearly_used:
                found[packed_source(key)] |= ports
    return found


def _likely_bound(
    held_once: Mapping[bytes, set[int]], went_on: Mapping[bytes, set[int]]
) -> set[int]:
    # connect() takes a port of the second half only if the first half is used up. So a
    # port of the second half was bound if ports of the first half are free
    likely: set[int] = set()
    for source, ports in held_once.items():
        likely |= ports - went_on.get(source, set())
    return likely


def connect_usage(
    use: TcpUse, pool: PortPool, key: PackedDestination | None
) -> ConnectUsage:
    """The ports that a connect() to this destination cannot get.

    ``key``: the destination; ``None`` for one without connections.
    kernel: ``__inet_hash_connect()`` takes a port unless bind() made its bind bucket,
    or ``__inet_check_established()`` finds the same 4-tuple.
    """
    taken, waiting = held_for(use, key) if key else ((), ())
    surely, reusable = PortSet(taken), PortSet(waiting)
    surely.update(use.bound)
    likely = PortSet(use.likely_bound).without(surely)
    perhaps = use.connected.without(surely)
    perhaps = perhaps.without(port for port in use.not_bound if port not in reusable)
    # no port of the first half is likely bound
    low, most = (ports.count_first_choice(pool.range) for ports in (surely, perhaps))
    unclear = use.unclear.without(use.shared).without(surely).without(reusable)
    capacity = pool.first_choice_capacity
    first_bounds = Bounds(low, low, min(low + most + use.unseen, capacity))
    low = len(surely)
    most_bound = low + max(len(unclear), len(likely))
    if use.rules.sharing is Sharing.UNLESS_BOUND:
        # elsewhere most invisible sockets are in TIME_WAIT on a port of a server
        most_bound += use.unseen
    # a connection that is bound to a device is not in the way of others
    least = low if use.sees_devices else len(use.bound)
    return ConnectUsage(
        unpack_destination(key) if key else None,
        usage_of(pool, least, low + len(likely), low + len(perhaps) + use.unseen),
        Usage(capacity, first_bounds),
        used_if_shared=low,
        used_if_bound=min(most_bound, pool.capacity),
    )


def held_for(use: TcpUse, key: PackedDestination) -> tuple[array[int], Sequence[int]]:
    """The ports that a connect() cannot get, and those whose TIME_WAIT it can take over
    if the peer used timestamps."""
    taken = use.connections.held.get(key, bytearray())
    waiting = use.connections.time_wait.get(key, bytearray())
    for other in use.connections.other_keys(key):
        taken = taken + use.connections.held.get(other, bytearray())
        waiting = waiting + use.connections.time_wait.get(other, bytearray())
    if waiting and use.rules.allow_reuse(unpack_destination(key)):
        return port_numbers(taken), port_numbers(waiting)
    return port_numbers(taken + waiting), ()


def fullest_destinations(
    use: TcpUse,
    pool: PortPool,
    count: int,
    wanted: Callable[[PackedDestination], bool] | None = None,
) -> list[ConnectUsage]:
    """The usage for the ``count`` fullest destinations, the fullest first.

    ``wanted``: a test that each destination must pass. The list is empty if no
    destination passes, or if the system never shares ports: then all are the same.
    """
    if not use.connected or use.rules.sharing is Sharing.NEVER:
        return []
    from heapq import nlargest  # late: an idle host has nothing to rank

    bound = use.bound | use.likely_bound
    unbound_ports = len(use.connected.without(bound))

    def used(key: PackedDestination) -> int:
        taken, _ = held_for(use, key)
        return len(PortSet(taken).without(bound))

    def candidates() -> Iterable[tuple[int, PackedDestination]]:
        sizes = use.connections.sizes()
        return (c for c in sizes if wanted(c[1])) if wanted else sizes

    def fullest(
        largest_first: Iterable[tuple[int, PackedDestination]],
    ) -> list[tuple[int, PackedDestination]]:
        found: list[tuple[int, PackedDestination]] = []
        for size, key in largest_first:
            # a destination uses at most one port for each connection
            if len(found) == count and found[-1][0] >= min(size, unbound_ports):
                break
            found = nlargest(count, [*found, (used(key), key)])
        return found

    largest = nlargest(count + EXTRA_CANDIDATES, candidates())
    found = fullest(largest)
    if len(largest) == count + EXTRA_CANDIDATES:
        if found[-1][0] < min(largest[-1][0], unbound_ports):
            found = fullest(sorted(candidates(), reverse=True))
    return [connect_usage(use, pool, key) for _, key in found]


def fullest_of(
    use: TcpUse, pool: PortPool, wanted: Callable[[PackedDestination], bool] | None
) -> ConnectUsage:
    """The usage for the fullest of the wanted destinations, connected or not."""
    fullest = fullest_destinations(use, pool, 1, wanted)
    return fullest[0] if fullest else connect_usage(use, pool, None)


def destination_filter(
    source: str | None,
    remotes: Sequence[Endpoint] | None = None,
    device: int | None = None,
) -> Callable[[PackedDestination], bool] | None:
    """A test whether a destination has this source, one of these remote ends and this
    device.

    ``None`` for one of them means any. Returns ``None`` if every destination passes.
    """
    # with a wildcard address, the route decides about the source
    packed = pack_address(source) if source and not is_wildcard(source) else None
    if packed is None and remotes is None:
        return None
    ends = {*map(pack_remote, remotes or ())}
    return lambda key: (
        (packed is None or packed_source(key) == packed)
        and (remotes is None or packed_remote(key) in ends)
        and (device is None or device_of(key) == device)
    )
