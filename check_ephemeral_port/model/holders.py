"""How many ports each process holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from .records import NamedTuple
from .sockets import SocketEntry, TcpState


class Process(NamedTuple):
    """A process. Name and user come from the system: clean them before printing."""

    pid: int
    name: str | None = None
    user: str | None = None


class NoProcess(Enum):
    """The reason why a holder has no known process."""

    TIME_WAIT = "TIME_WAIT"
    CLOSED = "closed by its process"
    """The kernel still has data to send, or waits for the peer."""
    UNKNOWN = "unknown process"
    """It has ended, ``/proc`` does not show it, or the kernel itself holds the port."""
    HIDDEN = "unknown process (try as root)"
    """The check lacks the privilege to see the process."""


class Holder(NamedTuple):
    """A process, known or not, and the number of ports that it holds."""

    ports: int
    who: Process | NoProcess


def holders(entries: Iterable[SocketEntry], hidden: bool) -> list[Holder]:
    """The holders of these sockets, the largest first. A port can have several holders.

    ``hidden``: the check is not allowed to inspect some processes.
    """
    unknown = NoProcess.HIDDEN if hidden else NoProcess.UNKNOWN
    ports: dict[int | NoProcess, set[int]] = defaultdict(set)
    for entry in entries:
        who = _no_process(entry, unknown) if entry.pid is None else entry.pid
        ports[who].add(entry.local.port)
    found = [
        Holder(len(held), who if isinstance(who, NoProcess) else Process(who))
        for who, held in ports.items()
    ]
    return sorted(found, key=lambda holder: (-holder.ports, str(holder.who)))


def _no_process(entry: SocketEntry, unknown: NoProcess) -> NoProcess:
    if entry.state is TcpState.TIME_WAIT:
        return NoProcess.TIME_WAIT
    return NoProcess.CLOSED if entry.inode == 0 else unknown
