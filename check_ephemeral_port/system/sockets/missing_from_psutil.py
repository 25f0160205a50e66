"""TCP sockets that psutil's list leaves out where there is no Linux to count them.

- macOS (``psutil/_psosx.py``), FreeBSD, NetBSD, OpenBSD (``psutil/arch/*/``): psutil
  goes by the open files of processes. A socket in TIME_WAIT belongs to none, nor does
  one that its process has closed before the peer has, nor one of the kernel's own.
- Windows (``psutil/arch/windows/socks.c``): ``GetExtendedTcpTable()`` lists listeners
  and connections, TIME_WAIT included, but no socket that is bound and neither.
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
    """Local and remote addresses of TCP sockets, as psutil has them."""

CONNECTION_STATES = range(2, 11)
"""All but ``TCPS_CLOSED`` and ``TCPS_LISTEN``: ``<netinet/tcp_fsm.h>`` of FreeBSD."""


class MissingSockets(NamedTuple):
    """What is missing."""

    sockets: int
    """At most so many TCP sockets."""
    notes: list[str]


def missing_tcp_sockets(
    pool: PortPool,
    listed: Listed,
    platform: str,
    root: bool,
    reader: Callable[[str], ReadSysctl] = sysctl_reader,
) -> MissingSockets:
    """How many TCP sockets of this platform are missing, at most.

    ``listed`` are those that psutil knows, of any port. As many are missing as there
    are ports, if nobody counts them: then nothing is sure.
    """
    if platform == "win32":
        return MissingSockets(
            pool.capacity, ["bound but idle TCP sockets can't be counted"]
        )
    system = split_platform(platform)[0]
    notes = hidden_users(platform, root)
    try:
        missing = _missing(system, listed, lambda: reader(platform))
    except SystemReadError as error:
        return MissingSockets(
            pool.capacity, [*notes, f"TIME_WAIT is not counted: {error}"]
        )
    if missing:
        notes.append(f"{missing} more TCP sockets exist, most likely in TIME_WAIT")
    return MissingSockets(missing, notes)


def hidden_users(platform: str, root: bool) -> list[str]:
    """The note for a list that may leave out what belongs to others."""
    # macOS refuses altogether, Linux and Windows show all
    if root or split_platform(platform)[0] not in ("freebsd", "openbsd", "netbsd"):
        return []
    return ["sockets of other users may be missing; run as root"]


def _missing(system: str, listed: Listed, reader: Callable[[], ReadSysctl]) -> int:
    """How many sockets the kernel counts beyond those that are listed."""
    if system == "darwin":
        # xnu/bsd/netinet/tcp_subr.c: "Number of active PCBs", whatever their state
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
    return max(0, existing - known)  # some may have gone after they were listed
