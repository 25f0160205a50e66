"""Which sockets use one port, and in which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from ..holders import Process
from ..namespaces import Namespace
from ..ports import PortPool
from ..records import NamedTuple
from ..sockets import ANY_IPV4, ANY_IPV6, TCP, Endpoint, SocketEntry, TcpState
from .iana import IanaClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Ends = tuple[str, Endpoint, Optional[Endpoint]]


class Role(Enum):
    """How a socket uses its local port. The most interesting role comes first."""

    LISTENER = "listener"
    SERVER_END = "server"
    """A connection that a listener accepted: the listener has the same local address
    and port. Or a connection whose handshake is still under way."""
    CLIENT_END = "client"
    """A connection whose local port has no listener. It can also be one that a listener
    accepted before it was closed."""
    ITSELF = "itself"
    """A connection to itself. For a connect() to an ephemeral port without a listener,
    the kernel chose the same port as the local port."""
    IDLE = "idle"
    """Bound, but neither listening nor connected."""
    UDP_OPEN = "unconnected"
    """A UDP socket that receives from any address."""
    UDP_CONNECTED = "connected"
    TIME_WAIT = "closed"
    """A closed connection. On Linux, the kernel keeps its addresses for a minute."""


class PortSocket(NamedTuple):
    """A socket that has the port at one of its ends."""

    entry: SocketEntry
    role: Role
    connection: int | None = None
    """The same number for both ends of a connection within this host."""
    process: Process | None = None
    """``None`` if unknown, or not searched yet."""
    user: str | None = None
    """The user of the socket, if its process is invisible."""
    of_kernel: bool = False
    """Whether it has no process although the check sees all of them."""

    @property
    def has_process(self) -> bool:
        """Whether the socket must have a process, visible or not.

        A socket has no process in TIME_WAIT, in SYN_RECV, while it waits to be
        accepted, and after its process has closed it.
        """
        entry = self.entry
        if entry.state in (TcpState.TIME_WAIT, TcpState.SYN_RECV):
            return False
        return entry.pid is not None or entry.inode != 0


class PortReport(NamedTuple):
    """The sockets of one port of this host."""

    port: int
    sockets: Sequence[PortSocket]
    """The sockets that use the port: it is their local port."""
    callers: Sequence[PortSocket]
    """Connections from this host to the same port, here or on another host. They use
    another local port, so they don't count as sockets of the port."""
    is_held: bool | None = False
    """Whether a TCP socket holds the port that no list shows. ``None`` if nothing shows
    whether there is one."""

    @property
    def size(self) -> int:
        """Number of sockets that certainly use the port."""
        return len(self.sockets) + bool(self.is_held)

    def count(self, state: TcpState) -> int:
        """Number of sockets that use the port in this state."""
        return sum(socket.entry.state is state for socket in self.sockets)

    @property
    def listening(self) -> int:
        """Number of TCP listeners. UDP has none: see :attr:`Role.UDP_OPEN`."""
        return self.count(TcpState.LISTEN)


class PortIdentity(NamedTuple):
    """Facts about a port that don't depend on its sockets."""

    port: int
    iana: IanaClass
    services: Mapping[str, str]
    """Service names known to the system, by protocol. Clean them before printing."""
    pool: PortPool | None = None
    """The ephemeral range of this host; ``None`` if unknown."""
    reserved_by: str = ""
    """The setting that reserves ports of the range, as text for the output."""


class PortObservation(NamedTuple):
    """The observation of a port of this host."""

    identity: PortIdentity
    report: PortReport
    lister: str
    """Display name of the sampler."""
    notes: Sequence[str] = ()
    """Remarks, as text for the output."""
    sees_time_wait: bool = True
    namespace: Namespace | None = None
    """``None``: that of the check."""


def port_report(
    port: int, entries: Iterable[SocketEntry], is_held: bool | None = False
) -> PortReport:
    """Report how the sockets of a host use a port.

    ``entries``: all sockets with the port at either end, and all listeners. Listeners
    of other ports show which of the callers are the accepted end of a connection.
    """
    return port_reports([port], entries, {port: is_held})[port]


def port_reports(
    ports: Iterable[int],
    entries: Iterable[SocketEntry],
    is_held: Mapping[int, bool | None],
) -> dict[int, PortReport]:
    """The same for several ports at once. A port that is missing in ``is_held`` counts
    as ``False``."""
    entries = list(entries)
    listeners = _Listeners(entries)
    numbers = _connection_numbers(entries)
    sockets: dict[int, list[PortSocket]] = {port: [] for port in ports}
    callers: dict[int, list[PortSocket]] = {port: [] for port in sockets}
    for entry in entries:
        local, remote = entry.local.port, entry.remote.port if entry.remote else 0
        if local in sockets or remote in sockets:
            number = numbers.get((entry.protocol, entry.local, entry.remote))
            socket = PortSocket(entry, _role(entry, listeners), number)
            if local in sockets:
                sockets[local].append(socket)
            if remote in sockets and remote != local:
                callers[remote].append(socket)
    return {
        port: PortReport(
            port,
            sorted(sockets[port], key=_order),
            sorted(callers[port], key=_order),
            is_held.get(port, False),
        )
        for port in sockets
    }


class _Listeners:
    """Knows which connections the listeners have accepted."""

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
    """Number the connections within the host from 1, the same number for both ends."""
    connected = {(e.protocol, e.local, e.remote) for e in entries if e.remote}
    numbers: dict[Ends, int] = {}
    for protocol, local, remote in sorted(connected):
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
