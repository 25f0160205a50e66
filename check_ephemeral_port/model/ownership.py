"""Who holds the ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .records import NamedTuple
from .sockets import SocketEntry, TcpState


class Owner(NamedTuple):
    """A process. Its texts come from the system: clean them before printing."""

    pid: int
    name: str | None = None
    user: str | None = None


class Holding(NamedTuple):
    """How many ports somebody holds."""

    ports: int
    owner: Owner | None = None
    """``None``: TIME_WAIT, or a process that this user may not see."""
    time_wait: bool = False


def holdings(entries: Iterable[SocketEntry]) -> list[Holding]:
    """Ports by holder, the largest holding first; a port may have several holders.

    Sockets in TIME_WAIT belong to no process any more and count by themselves.
    """
    ports: dict[tuple[int, bool], set[int]] = defaultdict(set)
    for entry in entries:
        time_wait = entry.state is TcpState.TIME_WAIT
        ports[0 if time_wait else entry.pid or 0, time_wait].add(entry.local.port)
    largest_first = sorted(ports.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        Holding(len(held), Owner(pid) if pid else None, time_wait)
        for (pid, time_wait), held in largest_first
    ]
