"""Sockets listed by psutil: on every platform, with the pids that it can see."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from socket import SOCK_STREAM

from ...model.ports import PortPool
from ...model.sockets import (
    TCP,
    UDP,
    SocketEntry,
    SocketListing,
    TcpState,
    Visibility,
    endpoint,
)
from ..errors import SystemReadError
from .sockstat import max_idle_tcp_sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VISIBILITY = Visibility(
    bound_sockets=False, time_wait_age=False, v6only=False, device=False
)

OTHER_STATES: dict[str, TcpState | None] = {
    # Windows: MIB_TCP_STATE_DELETE_TCB, a connection that is being discarded
    "DELETE_TCB": TcpState.CLOSE,
    # psutil has no name for the state
    "NONE": None,
}


def list_by_psutil(pool: PortPool, protocols: Sequence[str]) -> SocketListing:
    """Sockets on ports of the pool, with their processes.

    Without privilege, psutil merges sockets whose rows are equal. The number of
    sockets can then be too low, but no port is missing.
    Raises :class:`SystemReadError` if psutil fails.
    """
    listed: set[tuple[Any, Any]] = set()

    def in_pool(row: Any) -> bool:
        if row.type == SOCK_STREAM:
            listed.add((row.laddr, row.raddr))
        # laddr is empty if the port is 0
        return bool(row.laddr) and pool.includes(row.laddr.port)

    entries = entries_by_psutil(protocols, in_pool)
    listing = SocketListing(entries, VISIBILITY, psutil_version())
    if TCP not in protocols:
        return listing
    if sys.platform != "linux":
        from ..processes import is_root
        from .missing_from_psutil import missing_tcp_sockets

        visibility = VISIBILITY._replace(time_wait=sys.platform == "win32")
        missing, notes = missing_tcp_sockets(pool, listed, sys.platform, is_root())
        return listing._replace(
            visibility=visibility, unseen_tcp_sockets=missing, notes=notes
        )
    idle, notes = max_idle_tcp_sockets(pool.capacity)
    return listing._replace(unseen_tcp_sockets=idle, notes=notes)


def entries_by_psutil(
    protocols: Sequence[str], condition: Callable[[Any], bool]
) -> list[SocketEntry]:
    """The sockets whose rows fulfill the condition.

    Raises :class:`SystemReadError` if psutil fails.
    """
    # old versions print a traceback if /proc/stat is missing
    with redirect_stderr(StringIO()):
        import psutil

    try:
        kind = protocols[0] if len(protocols) == 1 else "inet"
        return [_entry(row) for row in psutil.net_connections(kind) if condition(row)]
    except psutil.AccessDenied:
        raise SystemReadError(
            "psutil is not allowed to list the sockets of other users here; run as root"
        ) from None
    # a row that psutil cannot decode raises RuntimeError or KeyError
    except (psutil.Error, OSError, RuntimeError, KeyError, ValueError) as error:
        message = str(error) or type(error).__name__
        raise SystemReadError(f"psutil cannot list the sockets: {message}") from None


def psutil_version() -> str:
    """Display name of the sampler."""
    import psutil

    return f"psutil {psutil.__version__}"


def _entry(row: Any) -> SocketEntry:
    is_tcp = row.type == SOCK_STREAM
    return SocketEntry(
        protocol=TCP if is_tcp else UDP,
        local=endpoint(*row.laddr),
        remote=endpoint(*row.raddr) if row.raddr else None,
        state=_state(row.status) if is_tcp else None,
        pid=row.pid or None,  # Windows reports pid 0 for TIME_WAIT
    )


def _state(status: str) -> TcpState | None:
    return OTHER_STATES[status] if status in OTHER_STATES else TcpState(status)
