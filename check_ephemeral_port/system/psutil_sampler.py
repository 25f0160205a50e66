"""Sockets by psutil: on every platform, with the owners that it may see."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ..model.ports import PortRange
from ..model.sockets import (
    TCP,
    UDP,
    SocketEntry,
    SocketSample,
    TcpState,
    Visibility,
    endpoint,
)
from .errors import SystemReadError
from .sockstat import read_socket_counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VISIBILITY = Visibility(
    bound_sockets=False, time_wait_age=False, v6only=False, device=False
)


def sample_by_psutil(ports: PortRange, protocols: str = "inet") -> SocketSample:
    """Sockets on these local ports; ``protocols`` is ``tcp``, ``udp`` or ``inet``.

    Without privilege, psutil merges sockets whose rows look alike: the number of
    sockets may come out too low, the ports don't.
    Raises :class:`SystemReadError`.
    """
    import psutil

    try:
        entries = list(_entries(psutil.net_connections(kind=protocols), ports))
    except psutil.AccessDenied:
        raise SystemReadError(
            "psutil may not list the sockets of other users here; run as root"
        ) from None
    # psutil answers a row that it can't decode with RuntimeError or KeyError
    except (psutil.Error, OSError, RuntimeError, KeyError, ValueError) as error:
        message = str(error) or type(error).__name__
        raise SystemReadError(f"psutil cannot list the sockets: {message}") from None
    unseen, notes = _unseen_tcp_sockets(ports)
    sampler = f"psutil {psutil.__version__}"
    return SocketSample(entries, VISIBILITY, sampler, unseen, notes)


def _unseen_tcp_sockets(ports: PortRange) -> tuple[int, list[str]]:
    if sys.platform != "linux":
        return 0, []
    try:
        return read_socket_counts().tcp_unhashed, []
    except SystemReadError as error:  # hidden by a sandbox: then nothing is sure
        return ports.size, [str(error)]


def _entries(rows: Any, ports: PortRange) -> Iterator[SocketEntry]:
    from socket import SOCK_STREAM

    states = {state.value: state for state in TcpState}
    for row in rows:
        # psutil leaves laddr empty where there is no port
        if not row.laddr or not ports.includes(row.laddr.port):
            continue
        is_tcp = row.type == SOCK_STREAM
        yield SocketEntry(
            protocol=TCP if is_tcp else UDP,
            local=endpoint(*row.laddr),
            remote=endpoint(*row.raddr) if row.raddr else None,
            state=states[row.status] if is_tcp else None,
            pid=row.pid,
        )
