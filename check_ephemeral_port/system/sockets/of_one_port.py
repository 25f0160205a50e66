"""The sockets of one port, by whoever may list them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from ...model.ports import MAX_PORT, PortRange
from ...model.records import NamedTuple
from ...model.sockets import AUTO, SOCK_DIAG, TCP, UDP, SocketEntry, TcpState
from ..errors import SystemReadError
from .by_psutil import entries_by_psutil, psutil_version
from .inet_diag import LISTENERS, decode_chunk
from .inet_diag_filter import on_local_ports, with_port
from .netlink import SockDiag, lists_idle_sockets, with_sock_diag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_SHOWN = {
    "linux": "psutil shows neither idle sockets nor the age of TIME_WAIT",
    "win32": "psutil shows no bound but idle TCP sockets",
}
"""What psutil leaves out, by platform; :mod:`.missing_from_psutil` has the others."""


class PortListing(NamedTuple):
    """The sockets with a port at either end, and the TCP listeners of all ports."""

    entries: Sequence[SocketEntry]
    lister: str
    """Who made the list, for people."""
    notes: Sequence[str] = ()
    """What the reader of this list should know, for people."""
    time_wait: bool = True
    """Whether sockets in TIME_WAIT are in it."""


def list_sockets_of_port(
    port: int, protocols: Sequence[str] = (TCP, UDP), lister: str = AUTO
) -> PortListing:
    """The sockets of one port, and all listeners; by one of ``sockets.SAMPLERS``.

    ``auto`` takes sock_diag where it can, since the kernel then picks the sockets,
    bound but idle ones too; psutil elsewhere. Only psutil fills in pids.
    Raises :class:`SystemReadError`.
    """
    notes = []
    if lister == SOCK_DIAG or (lister == AUTO and sys.platform == "linux"):
        try:
            return list_port_by_sock_diag(port, protocols)
        except SystemReadError as error:
            if lister == SOCK_DIAG:
                raise
            notes.append(f"less exact, without {error}")
    notes.append(
        NOT_SHOWN.get(sys.platform, "psutil shows no sockets in TIME_WAIT here")
    )
    if sys.platform != "linux":
        from ..processes import is_root
        from .missing_from_psutil import hidden_users

        notes += hidden_users(sys.platform, is_root())
    seen = sys.platform in ("linux", "win32")
    return list_port_by_psutil(port, protocols)._replace(notes=notes, time_wait=seen)


def list_port_by_sock_diag(port: int, protocols: Sequence[str]) -> PortListing:
    """The list as the kernel makes it. Needs no privilege."""
    any_port = on_local_ports([PortRange(0, MAX_PORT)])

    def task(kernel: SockDiag) -> list[SocketEntry]:
        entries: list[SocketEntry] = []
        for protocol in protocols:
            decode = partial(decode_chunk, protocol=protocol)
            entries += kernel.dump(protocol, with_port(port), decode)
            if protocol == TCP:
                listeners = kernel.dump(protocol, any_port, decode, LISTENERS)
                entries += (e for e in listeners if e.local.port != port)
        return entries

    notes: list[str] = []
    if TCP in protocols and not lists_idle_sockets():
        notes.append("bound but idle TCP sockets are visible from Linux 6.8 on")
    return PortListing(with_sock_diag(task, notes), SOCK_DIAG, notes)


def list_port_by_psutil(port: int, protocols: Sequence[str]) -> PortListing:
    """The same from psutil's list of all sockets, with pids.

    Without privilege, psutil merges sockets whose rows look alike.
    """

    def wanted(row: Any) -> bool:
        # psutil leaves laddr empty where there is no port
        return bool(row.laddr) and (
            row.laddr.port == port
            or (row.raddr and row.raddr.port == port)
            or row.status == TcpState.LISTEN.value
        )

    return PortListing(entries_by_psutil(protocols, wanted), psutil_version())
