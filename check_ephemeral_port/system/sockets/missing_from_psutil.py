"""TCP sockets that psutil does not list on other systems than Linux.

- macOS (``psutil/_psosx.py``), FreeBSD, NetBSD, OpenBSD (``psutil/arch/*/``): psutil
  lists the open files of processes. So it misses sockets without a process: those in
  TIME_WAIT, those that their process closed before the peer did, and those of the
  kernel itself.
- Windows (``psutil/arch/windows/socks.c``): ``GetExtendedTcpTable()`` lists listeners
  and connections, including TIME_WAIT, but not sockets that are bound but idle.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from ...model.ports import PortPool
from ...model.records import NamedTuple
from ..errors import SystemReadError
from ..ranges.bsd_sysctl import (
    ReadSysctl,
    read_counter,
    read_int,
    split_platform,
    sysctl_reader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Listed = AbstractSet[tuple[Any, Any]]
    """Local and remote addresses of TCP sockets, in the form of psutil."""

CONNECTION_STATES = range(2, 11)
"""All states except ``TCPS_CLOSED`` and ``TCPS_LISTEN``. Source: FreeBSD,
``<netinet/tcp_fsm.h>``."""


class MissingSockets(NamedTuple):
    """The number of missing TCP sockets, with notes."""

    sockets: int
    """The maximum number."""
    notes: list[str]


def missing_tcp_sockets(
    pool: PortPool,
    listed: Listed,
    platform: str,
    root: bool,
    reader: Callable[[str], ReadSysctl] = sysctl_reader,
) -> MissingSockets:
    """The maximum number of TCP sockets that psutil does not list on this platform.

    ``listed`` are all TCP sockets of psutil, on any port. If the platform cannot count
    its sockets, the result is the number of ports in the pool.
    """
    if platform == "win32":
        return MissingSockets(
            pool.capacity, ["bound but idle TCP sockets can't be counted"]
        )
    system = split_platform(platform)[0]
    notes = hidden_users_notes(platform, root)
    try:
        missing = _missing(system, listed, lambda: reader(platform))
    except SystemReadError as error:
        return MissingSockets(
            pool.capacity, [*notes, f"TIME_WAIT is not counted: {error}"]
        )
    if missing:
        sockets = "1 more TCP socket exists"
        if missing > 1:
            sockets = f"{missing} more TCP sockets exist"
        notes.append(f"{sockets}, most likely in TIME_WAIT")
    return MissingSockets(missing, notes)


def hidden_users_notes(platform: str, root: bool) -> list[str]:
    """A note if the list can lack sockets of other users."""
    # macOS lists nothing without root; Linux and Windows list all sockets
    if root or split_platform(platform)[0] not in ("freebsd", "openbsd", "netbsd"):
        return []
    return ["sockets of other users may be missing; run as root"]


def _missing(system: str, listed: Listed, reader: Callable[[], ReadSysctl]) -> int:
    """The number of sockets that the kernel counts, minus the listed ones.

    Raises :class:`SystemReadError` if the kernel does not count them.
    """
    if system == "darwin":
        # xnu/bsd/netinet/tcp_subr.c: "Number of active PCBs", in any state
        existing = read_int(reader(), "net.inet.tcp.pcbcount")
        known = len(listed)
    elif system == "freebsd":
        # sys/netinet/tcp_subr.c: "TCP connection counts by TCP state"
        read = reader()
        existing = sum(
            read_counter(read, "net.inet.tcp.states", state)
            for state in CONNECTION_STATES
        )
        known = sum(bool(remote) for _, remote in listed)
    else:
        raise SystemReadError(f"{system} has no sysctl for it")
    return max(0, existing - known)  # some can be closed after the list was made
