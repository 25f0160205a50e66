"""Who holds the ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from .records import NamedTuple
from .sockets import SocketEntry, TcpState


class Owner(NamedTuple):
    """A process. Its texts come from the system: clean them before printing."""

    pid: int
    name: str | None = None
    user: str | None = None


class Nobody(Enum):
    """Why no process can be named."""

    TIME_WAIT = "TIME_WAIT"
    CLOSED = "closed by its process"
    """The kernel still has to send or to wait for something."""
    UNKNOWN = "unknown process"
    """It ended meanwhile, lives where ``/proc`` doesn't show it, or is the kernel."""
    HIDDEN = "unknown process (try as root)"


class Holding(NamedTuple):
    """How many ports somebody holds."""

    ports: int
    holder: Owner | Nobody


def holdings(entries: Iterable[SocketEntry], hidden: bool) -> list[Holding]:
    """Ports by holder, the largest holding first; a port may have several holders.

    ``hidden``: some processes could not be looked into.
    """
    unknown = Nobody.HIDDEN if hidden else Nobody.UNKNOWN
    ports: dict[int | Nobody, set[int]] = defaultdict(set)
    for entry in entries:
        holder = _nobody(entry, unknown) if entry.pid is None else entry.pid
        ports[holder].add(entry.local.port)
    found = [
        Holding(len(held), holder if isinstance(holder, Nobody) else Owner(holder))
        for holder, held in ports.items()
    ]
    return sorted(found, key=lambda holding: (-holding.ports, str(holding.holder)))


def _nobody(entry: SocketEntry, unknown: Nobody) -> Nobody:
    if entry.state is TcpState.TIME_WAIT:
        return Nobody.TIME_WAIT
    return Nobody.CLOSED if entry.inode == 0 else unknown
