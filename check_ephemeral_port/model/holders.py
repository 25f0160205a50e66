"""How many ports each process holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from .cgroups import Unit
from .records import NamedTuple
from .sockets import SocketEntry, TcpState


class Process(NamedTuple):
    """A process. Name and user come from the system: clean them before printing."""

    pid: int
    name: str | None = None
    user: str | None = None

    unit: Unit | None = None
    """What it runs in; ``None`` if unknown, or nothing."""


class HiddenProcess(NamedTuple):
    """A process that the check cannot see, or several of one user."""

    uid: int | None
    """The user of its sockets; ``None`` if the sampler does not know it."""
    user: str | None = None
    """The user's name. Clean it before printing."""


class NoProcess(Enum):
    """The reason why a holder has no known process."""

    TIME_WAIT = "TIME_WAIT"
    CLOSED = "closed by its process"
    """The kernel still has data to send, or waits for the peer."""
    KERNEL = "no process, held by the kernel"
    """A socket of the kernel itself, or one that is on its way to another process."""
    UNKNOWN = "unknown process"
    """It has ended, or the system does not say which it is."""


class Holder(NamedTuple):
    """A process, known or not, and the number of ports that it holds."""

    ports: int
    who: Process | HiddenProcess | NoProcess


def holders(entries: Iterable[SocketEntry], hidden: bool) -> list[Holder]:
    """The holders of these sockets, the largest first. A port can have several holders.

    ``hidden``: the check does not see all processes. Those that it does not see are one
    holder for each user.
    """
    ports: dict[Process | HiddenProcess | NoProcess, set[int]] = defaultdict(set)
    for entry in entries:
        who = Process(entry.pid) if entry.pid else _without_pid(entry, hidden)
        ports[who].add(entry.local.port)
    found = [Holder(len(held), who) for who, held in ports.items()]
    return sorted(found, key=lambda holder: (-holder.ports, str(holder.who)))


def _without_pid(entry: SocketEntry, hidden: bool) -> HiddenProcess | NoProcess:
    if entry.state is TcpState.TIME_WAIT:
        return NoProcess.TIME_WAIT
    if entry.inode == 0:
        return NoProcess.CLOSED
    if hidden:
        return HiddenProcess(entry.uid)
    return NoProcess.KERNEL if entry.inode else NoProcess.UNKNOWN
