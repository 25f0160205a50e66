"""Who uses one port, and in which role. Pure: sockets in, a report out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from ..holders import Process
from ..ports import PortPool
from ..records import NamedTuple
from ..sockets import ANY_IPV4, ANY_IPV6, TCP, Endpoint, SocketEntry, TcpState
from .iana import IanaClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Ends = tuple[str, Endpoint, Optional[Endpoint]]


class Role(Enum):
    """What a socket is to its own port. In the order in which people ask for it."""

    LISTENER = "listener"
    SERVER_END = "server"
    """Accepted: a listener has its local address and port, or the handshake of one
    that had is under way."""
    CLIENT_END = "client"
    """A connection whose local port has no listener. One that was accepted by a
    listener which has closed since looks the same."""
    ITSELF = "itself"
    """Connected to itself: a connect() to a port of the ephemeral range in which
    nobody listened, and for which the kernel chose that very port."""
    IDLE = "idle"
    """Bound, but neither listening nor connected."""
    UDP_OPEN = "unconnected"
    """A UDP socket that receives from everybody."""
    UDP_CONNECTED = "connected"
    TIME_WAIT = "closed"
    """A connection that is over; the kernel keeps its addresses for a minute."""


class PortSocket(NamedTuple):
    """A socket that has the port at one of its ends."""

    entry: SocketEntry
    role: Role
    connection: int | None = None
    """A number that the two ends of a connection within this host share."""
    process: Process | None = None
    """``None`` as long as nobody has looked, and if it can't be seen."""
    user: str | None = None
    """Whose socket it is, for one whose process can't be seen."""

    @property
    def has_process(self) -> bool:
        """Whether some process must have it, seen or not.

        None has TIME_WAIT, a handshake under way, a connection that waits to be
        accepted, and one that its process has closed already.
        """
        entry = self.entry
        if entry.state in (TcpState.TIME_WAIT, TcpState.SYN_RECV):
            return False
        return entry.pid is not None or entry.inode != 0


class PortReport(NamedTuple):
    """The sockets of one port of this host."""

    port: int
    sockets: Sequence[PortSocket]
    """Those that use it: it is their local port."""
    callers: Sequence[PortSocket]
    """Those that it is only the remote port of: connections to the port, of this or
    of another host. They use another local port, and don't count."""

    def count(self, state: TcpState) -> int:
        """How many of the sockets that use the port are in this state."""
        return sum(socket.entry.state is state for socket in self.sockets)

    @property
    def listening(self) -> int:
        """TCP listeners. UDP doesn't listen: see :attr:`Role.UDP_OPEN`."""
        return self.count(TcpState.LISTEN)


class PortIdentity(NamedTuple):
    """What a port is, whoever uses it."""

    port: int
    iana: IanaClass
    services: Mapping[str, str]
    """Service name by protocol, where the system knows one. Clean before printing."""
    pool: PortPool | None = None
    """The ephemeral range of this host; ``None`` if it can't be read."""
    reserved_by: str = ""
    """What takes ports of the range out of the pool, for people."""


class PortObservation(NamedTuple):
    """What a look at a port of this host found out."""

    identity: PortIdentity
    report: PortReport
    lister: str
    """Who listed the sockets, for people."""
    notes: Sequence[str] = ()
    """What the reader should know, for people."""
    sees_time_wait: bool = True


def port_report(port: int, entries: Iterable[SocketEntry]) -> PortReport:
    """What the sockets of a host have to do with a port.

    ``entries`` are those with the port at either end. The listeners of other ports
    belong to them too: they show which of the callers were accepted here.
    """
    entries = list(entries)
    listeners = _Listeners(entries)
    numbers = _connection_numbers(entries)
    sockets = []
    for entry in entries:
        if entry.local.port == port or (entry.remote and entry.remote.port == port):
            number = numbers.get((entry.protocol, entry.local, entry.remote))
            sockets.append(PortSocket(entry, _role(entry, listeners), number))
    sockets.sort(key=_order)
    return PortReport(
        port,
        [socket for socket in sockets if socket.entry.local.port == port],
        [socket for socket in sockets if socket.entry.local.port != port],
    )


class _Listeners:
    """Answers whether a connection was accepted by one of the listeners."""

    def __init__(self, entries: Iterable[SocketEntry]) -> None:
        listening = [e for e in entries if e.state is TcpState.LISTEN]
        self._endpoints = {entry.local for entry in listening}
        self._dual_stack = {
            entry.local.port
            for entry in listening
            if entry.local.address == ANY_IPV6 and not entry.v6only
        }

    def accepted(self, entry: SocketEntry) -> bool:
        local = entry.local
        wildcard = ANY_IPV6 if local.is_ipv6 else ANY_IPV4
        return (
            local in self._endpoints
            or Endpoint(wildcard, local.port) in self._endpoints
            or local.port in self._dual_stack
        )


_ROLES_BY_STATE: Mapping[TcpState | None, Role] = {
    TcpState.LISTEN: Role.LISTENER,
    TcpState.BOUND: Role.IDLE,
    TcpState.TIME_WAIT: Role.TIME_WAIT,
    TcpState.SYN_SENT: Role.CLIENT_END,
    TcpState.SYN_RECV: Role.SERVER_END,
}


def _role(entry: SocketEntry, listeners: _Listeners) -> Role:
    if entry.protocol != TCP:
        return Role.UDP_CONNECTED if entry.remote else Role.UDP_OPEN
    if entry.state in _ROLES_BY_STATE:
        return _ROLES_BY_STATE[entry.state]
    if entry.local == entry.remote:
        return Role.ITSELF
    return Role.SERVER_END if listeners.accepted(entry) else Role.CLIENT_END


def _connection_numbers(entries: Iterable[SocketEntry]) -> dict[Ends, int]:
    """A number from 1 on for both ends of each connection within the host."""
    connected = {(e.protocol, e.local, e.remote) for e in entries if e.remote}
    numbers: dict[Ends, int] = {}
    for protocol, local, remote in sorted(connected, key=_ends_order):
        assert remote  # of those that are connected
        other = (protocol, remote, local)
        if other in connected and other not in numbers and local != remote:
            number = len(numbers) // 2 + 1
            numbers[protocol, local, remote] = numbers[other] = number
    return numbers


_ROLE_ORDER: list[Role] = list(Role)


def _order(socket: PortSocket) -> tuple[object, ...]:
    entry = socket.entry
    ends = (entry.protocol, entry.local, entry.remote)
    return (_ROLE_ORDER.index(socket.role), _ends_order(ends), entry.inode)


def _ends_order(ends: Ends) -> tuple[object, ...]:
    # Endpoint or None: an empty tuple comes before all endpoints
    protocol, local, remote = ends
    return protocol, local, remote or ()
