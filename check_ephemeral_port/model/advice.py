"""What is wrong with the settings of a Linux host, and what mends it.

Each rule is a function of a few facts, and silent while nothing is wrong. The settings
are described in the kernel's Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from heapq import nlargest

from .connections import Connections, pack_destination, port_numbers, unpack_destination
from .ports import MAX_PORT, PortPool, PortRange, format_port_list
from .records import NamedTuple
from .sockets import TCP, Destination, SocketEntry
from .usage import ConnectRules, ConnectUsage, HostUsage

USUAL = PortRange(32768, 60999)
"""Linux's default (kernel: ``inet_init_net()``)."""
WIDER = (USUAL, *(PortRange(first, MAX_PORT) for first in (32768, 16384, 1024)))
"""Ranges to change to, narrowest first: ports that IANA never assigns before those of
registered services, and never the privileged ones."""

SMALL = 0.5
"""A range of this share of the usual one is much smaller. IANA's dynamic ports, which
other systems hand out, are 58 % of it."""
EATEN = 0.25
"""From this share of the range on, reserved ports are many."""
PLENTY = 0.75
"""A pool of this share of the usual range is large enough, whatever is reserved."""
WAITING = 0.25
"""From this share of the pool on, TIME_WAIT matters."""
BOUND_FIRST = 0.05
"""From this share of the pool on, ports that were bound before they connected matter;
a few may be an error of the trace that tells them."""
NEARLY_FULL = 0.9
"""From this share of its limit on, the TIME_WAIT table may overflow any time."""
MOST = 0.5
"""What takes this share of the used ports is the cause of an alarm."""
NAMES = 3
"""So many listeners, or processes, are named."""
LIST_LENGTH = 400
"""A longer list of ports is no longer for copying."""

RANGE = "net.ipv4.ip_local_port_range"
RESERVED = "net.ipv4.ip_local_reserved_ports"
REUSE = "net.ipv4.tcp_tw_reuse"
TIMESTAMPS = "net.ipv4.tcp_timestamps"
BUCKETS = "net.ipv4.tcp_max_tw_buckets"


class Advice(NamedTuple):
    """A problem and its mend. Texts may hold names of processes: clean them before
    printing."""

    problem: str
    mend: str
    is_command: bool = True
    """Whether the mend is a command for a shell, rather than words for a person."""
    cause: str = ""
    """The problem in a short clause, if an alarm may come from it."""


class TimeWaitTable(NamedTuple):
    """The sockets in TIME_WAIT of a network namespace, whatever their port."""

    sockets: int
    limit: int
    """``net.ipv4.tcp_max_tw_buckets``."""
    overflows: int = 0
    """Connections that went without TIME_WAIT, for want of room, since the namespace
    exists (``TcpExt: TCPTimeWaitOverflow``)."""


class Settings(NamedTuple):
    """What only advice needs to know of a host."""

    reserved: frozenset[int]
    """All reserved ports, whether they lie in the range or not."""
    time_wait: TimeWaitTable | None = None
    """``None`` if the system doesn't tell."""


class Listener(NamedTuple):
    """A TCP port that somebody listens on."""

    port: int
    owner: str = ""
    """The process; empty if nobody knows it."""


class Facts(NamedTuple):
    """All that advice hangs on."""

    usage: HostUsage
    settings: Settings
    alarming: ConnectUsage | None = None
    """Set if connect() is what an alarm is about."""
    bound_first: frozenset[int] = frozenset()
    """See :func:`bound_before_connect`."""
    listeners: Sequence[Listener] = ()
    """Those on ports of the pool."""
    bound_by: Sequence[str] = ()
    """The processes that hold most of these."""


def advise(facts: Facts) -> list[Advice]:
    """What is to be said, the gravest first."""
    pool, reserved = facts.usage.pool, facts.settings.reserved
    connect = facts.alarming or facts.usage.tcp_connect
    found = [
        # each of them mends those that follow
        advise_small_range(pool, reserved)
        or advise_reserved_ports(pool, reserved)
        or advise_odd_size(pool)
    ]
    if connect:
        use = facts.usage.tcp_use
        waiting = time_wait_ports(use.connections, connect.destination)
        bound = len(facts.bound_first)
        of_connect = [
            advise_time_wait(waiting, connect, use.rules),
            advise_bind_before_connect(bound, connect, facts.bound_by),
        ]
        found += [
            advice if facts.alarming else advice._replace(cause="")
            for advice in of_connect
            if advice
        ]
    found.append(advise_listeners(pool, facts.listeners, reserved))
    if facts.settings.time_wait:
        found.append(advise_time_wait_table(facts.settings.time_wait))
    return [advice for advice in found if advice]


def advise_small_range(pool: PortPool, reserved: AbstractSet[int]) -> Advice | None:
    """A range that is much smaller than usual."""
    if pool.range.size > SMALL * USUAL.size:
        return None
    small = f"is small: {USUAL.size} ports are usual"
    mend = _wider_range(reserved)
    return mend._replace(
        problem=f"the range {pool.range} {small}", cause=f"the range {small}"
    )


def advise_reserved_ports(pool: PortPool, reserved: AbstractSet[int]) -> Advice | None:
    """Reserved ports that eat the pool."""
    eaten, size = len(pool.reserved), pool.range.size
    if eaten < EATEN * size or pool.capacity >= PLENTY * USUAL.size:
        return None
    taken = f"reserved ports take {eaten} of the range's {size}"
    return _wider_range(reserved)._replace(problem=taken, cause=taken)


def _wider_range(reserved: AbstractSet[int]) -> Advice:
    for candidate in WIDER:
        pool = candidate.size - sum(map(candidate.includes, reserved))
        if pool >= PLENTY * USUAL.size:
            return Advice("", _set_range(candidate))
    return Advice("", f"reserve fewer ports ({RESERVED})", is_command=False)


def _set_range(ports: PortRange) -> str:
    return f"sysctl -w {RANGE}='{ports.first} {ports.last}'"


def advise_odd_size(pool: PortPool) -> Advice | None:
    """Bounds of the same parity, that is an odd number of ports.

    kernel: ``ipv4_local_port_range()`` warns of it; see
    :attr:`PortPool.may_lose_one`.
    """
    if not pool.may_lose_one:
        return None
    first, last, _ = pool.range
    even = (first, last + 1) if last < MAX_PORT else (first + 1, last)
    return Advice(
        f"the bounds of the range {pool.range} have the same parity: the number of"
        " ports is odd, and the system can miss one",
        _set_range(PortRange(*even)),
    )


def advise_time_wait(
    waiting: int, connect: ConnectUsage, rules: ConnectRules
) -> Advice | None:
    """TIME_WAIT that takes many ports from a destination, and need not.

    ``waiting``: the ports in TIME_WAIT to it, for long enough to be taken over.
    """
    if (
        connect.destination is None
        or waiting < WAITING * connect.ports.capacity
        or rules.reuse is None
        or rules.allow_reuse(connect.destination)
    ):
        return None
    reasons, mend = [], [f"{REUSE}=1"]
    if not rules._replace(timestamps=True).allow_reuse(connect.destination):
        only = ", which is for loopback only" if rules.reuse == 2 else ""
        reasons.append(f"{REUSE} is {rules.reuse}{only}")
    if not rules.timestamps:
        reasons.append(f"{TIMESTAMPS} is 0")
        mend.append(f"{TIMESTAMPS}=1")
    most = waiting >= MOST * connect.ports.used.best
    return Advice(
        f"{waiting} ports to {connect.destination.remote} are in TIME_WAIT and can't"
        f" be taken over: {' and '.join(reasons)}",
        f"sysctl -w {' '.join(mend)}",
        cause=" and ".join(reasons) if most else "",
    )


def time_wait_ports(connections: Connections, destination: Destination | None) -> int:
    """The ports to a destination in TIME_WAIT that connect() could take over if the
    settings let it."""
    if destination is None:
        return 0
    key = pack_destination(destination)
    return len({*port_numbers(connections.time_wait.get(key, b""))})


def advise_bind_before_connect(
    bound: int, connect: ConnectUsage, bound_by: Sequence[str]
) -> Advice | None:
    """Programs that bind a port before they connect, if that takes many."""
    if not many_bound_first(bound, connect.ports.capacity):
        return None
    most = bound >= MOST * connect.ports.used.best
    ports = f"{bound} ports were bound before they connected"
    by = f" by {', '.join(bound_by)}" if bound_by else ""
    return Advice(
        f"most likely, {ports}{by}: no destination can have them",
        "let the program set IP_BIND_ADDRESS_NO_PORT before bind(), or not bind at all",
        is_command=False,
        cause=ports if most else "",
    )


def many_bound_first(bound: int, capacity: int) -> bool:
    """Whether so many ports that were bound before they connected matter."""
    return bound >= BOUND_FIRST * capacity


def bound_before_connect(
    usage: HostUsage, entries: Iterable[SocketEntry]
) -> frozenset[int]:
    """Ports that most likely were bound before they connected.

    ``entries`` of a sample: a TCP socket among them listens, and has the connections
    that it accepted on its own port, or is bound but idle.
    """
    use = usage.tcp_use
    settled = {port for port in use.bound if port in use.connected}
    listed = {entry.local.port for entry in entries if entry.protocol == TCP}
    return frozenset((use.likely_bound | settled) - listed)


def destinations_of(
    connections: Connections, ports: frozenset[int], count: int
) -> list[Destination]:
    """The destinations to which most of these ports are connected."""
    hits = (
        (len(ports.intersection(connections.ports(key))), key)
        for _, key in connections.sizes()
    )
    most = nlargest(count, hits)
    return [unpack_destination(key) for held, key in most if held]


def advise_listeners(
    pool: PortPool, listeners: Sequence[Listener], reserved: AbstractSet[int]
) -> Advice | None:
    """Listeners inside the range that aren't reserved.

    bind() to port 0 begins at the second half (see
    :meth:`PortRange.is_first_choice`), so somebody chose the port of a listener in the
    first. Of the others nobody can tell: they are spoken of if there are none but
    those.
    """
    owners = {port: owner for port, owner in sorted(listeners)}
    chosen = {port for port in owners if pool.range.is_first_choice(port)}
    ports = sorted(chosen or owners)
    if not ports:
        return None
    named = [f"{port}{owners[port] and f' ({owners[port]})'}" for port in ports]
    if len(ports) > NAMES:
        named[NAMES:] = [f"{len(ports) - NAMES} more"]
    unless = "" if chosen else ", unless the system chose the port (bind() to port 0)"
    listed = format_port_list(reserved | set(ports))
    short = len(listed) <= LIST_LENGTH
    return Advice(
        f"inside the range, not reserved, but listened on: {', '.join(named)};"
        f" when the service starts anew, a client may have taken it{unless}",
        f"sysctl -w {RESERVED}={listed}" if short else f"reserve them in {RESERVED}",
        is_command=short,
    )


def advise_time_wait_table(table: TimeWaitTable) -> Advice | None:
    """A TIME_WAIT table at its cap.

    kernel: ``inet_twsk_alloc()`` refuses beyond it. "You must not lower the limit
    artificially, but rather increase it", says ip-sysctl.rst.
    """
    if not table.limit or table.sockets < NEARLY_FULL * table.limit:
        return None
    without = f", {table.overflows} connections went without" * bool(table.overflows)
    return Advice(
        f"the TIME_WAIT table is full: {table.sockets} sockets of at most"
        f" {table.limit} ({BUCKETS}){without}",
        f"sysctl -w {BUCKETS}={2 * table.limit}",
    )
