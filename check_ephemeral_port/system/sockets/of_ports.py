"""The sockets of some ports, for the port check."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from ...model.ports import MAX_PORT, PortRange, ports_in
from ...model.records import NamedTuple
from ...model.sockets import AUTO, SOCK_DIAG, TCP, UDP, SocketEntry, TcpState
from ..errors import SystemReadError
from .by_psutil import entries_by_psutil, psutil_version
from .inet_diag import LISTENERS, decode_chunk
from .inet_diag_filter import on_local_ports, with_ports
from .netlink import SockDiag, lists_idle_sockets, with_sock_diag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PSUTIL_GAPS = {
    "linux": "psutil shows neither idle sockets nor the age of TIME_WAIT",
    "win32": "psutil shows no bound but idle TCP sockets",
}
"""Notes on the gaps of psutil, by platform. See also :mod:`.missing_from_psutil`."""


class PortListing(NamedTuple):
    """The sockets with these local or remote ports, and all TCP listeners."""

    entries: Sequence[SocketEntry]
    sampler: str
    """Display name of the sampler."""
    notes: Sequence[str] = ()
    """Remarks for the output."""
    time_wait: bool = True
    """Whether the list includes sockets in TIME_WAIT."""
    idle: bool = True
    """Whether the list includes TCP sockets that are bound but idle."""


def list_sockets_of_ports(
    spans: Sequence[PortRange],
    protocols: Sequence[str] = (TCP, UDP),
    sampler: str = AUTO,
) -> PortListing:
    """The sockets of the ports in these spans, and all TCP listeners.

    ``sampler``: one of :data:`~check_ephemeral_port.model.sockets.SAMPLERS`. ``auto``
    uses sock_diag on Linux, because the kernel then filters the sockets and also lists
    bound but idle ones. If that fails, and on other systems, ``auto`` uses psutil.
    Only psutil reports pids.
    Raises :class:`SystemReadError` if the sockets cannot be listed.
    """
    notes = []
    if sampler == SOCK_DIAG or (sampler == AUTO and sys.platform == "linux"):
        try:
            return list_ports_by_sock_diag(spans, protocols)
        except SystemReadError as error:
            if sampler == SOCK_DIAG:
                raise
            notes.append(f"less exact, without {error}")
    notes.append(
        PSUTIL_GAPS.get(sys.platform, "psutil shows no sockets in TIME_WAIT here")
    )
    if sys.platform != "linux":
        from ..processes import is_root
        from .missing_from_psutil import hidden_users_notes

        notes += hidden_users_notes(sys.platform, is_root())
    time_wait = sys.platform in ("linux", "win32")
    return list_ports_by_psutil(spans, protocols)._replace(
        notes=notes, time_wait=time_wait, idle=sys.platform != "linux"
    )


def list_ports_by_sock_diag(
    spans: Sequence[PortRange], protocols: Sequence[str]
) -> PortListing:
    """The list from sock_diag, without pids. It needs no privilege.

    Raises :class:`SystemReadError` if sock_diag is not available.
    """
    any_port, ports = on_local_ports([PortRange(0, MAX_PORT)]), ports_in(spans)

    def task(kernel: SockDiag) -> list[SocketEntry]:
        entries: list[SocketEntry] = []
        for protocol in protocols:
            decode = partial(decode_chunk, protocol=protocol)
            entries += kernel.dump(protocol, with_ports(spans), decode)
            if protocol == TCP:
                listeners = kernel.dump(protocol, any_port, decode, LISTENERS)
                entries += (e for e in listeners if e.local.port not in ports)
        return entries

    notes: list[str] = []
    entries = with_sock_diag(task, notes)
    idle = TCP not in protocols or lists_idle_sockets(entries)
    if not idle:
        notes.append("bound but idle TCP sockets are visible from Linux 6.8 on")
    return PortListing(entries, SOCK_DIAG, notes, idle=idle)


def list_ports_by_psutil(
    spans: Sequence[PortRange], protocols: Sequence[str]
) -> PortListing:
    """The list from psutil, with pids.

    Without privilege, psutil merges sockets whose rows are equal.
    Raises :class:`SystemReadError` if psutil fails.
    """

    ports = ports_in(spans)

    def is_relevant(row: Any) -> bool:
        # laddr is empty if the port is 0
        return bool(row.laddr) and (
            row.laddr.port in ports
            or (row.raddr and row.raddr.port in ports)
            or row.status == TcpState.LISTEN.value
        )

    return PortListing(entries_by_psutil(protocols, is_relevant), psutil_version())
