"""A netlink socket to Linux's sock_diag."""

from __future__ import annotations

import _socket  # not socket: see inet_diag
import errno
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import closing

from ...model.sockets import TCP, SocketEntry, TcpState
from ..errors import SystemReadError
from .inet_diag import (
    ALL_STATES,
    NETLINK_SOCK_DIAG,
    Chunk,
    dump_request,
    tcp_dump_request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Result = TypeVar("Result")

BUFFER_BYTES = 65536
"""Enough: the kernel sends at most half of this at a time (``netlink_recvmsg()``)."""
ATTEMPTS = 3
"""The maximum number of dumps if the socket tables change during each of them."""
NOT_SUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP)
"""The errors with which the kernel refuses an unknown kind of request."""
FIRST_WITH_IDLE_SOCKETS = (6, 8)
"""The first Linux version that lists TCP sockets that are bound but idle."""


class SockDiag:
    """Sends requests to sock_diag and reads the answers."""

    def __init__(self, netlink: _socket.socket) -> None:
        self._netlink = netlink
        self.interrupted = False
        """The socket tables changed during a dump."""

    def dump(
        self,
        protocol: str,
        socket_filter: bytes,
        read: Callable[[bytes], Chunk],
        states: int = ALL_STATES,
    ) -> list[SocketEntry]:
        """Pass each chunk of a dump to ``read``; return the entries of all chunks.

        The dump has the sockets of a protocol, IPv4 and IPv6. ``socket_filter`` and
        ``states``: see :func:`~.inet_diag.dump_request`.
        Raises ``OSError`` if the kernel refuses the request, ``ValueError`` if its
        answer is malformed.
        """
        if protocol == TCP:
            try:
                return self._ask(tcp_dump_request(socket_filter, states), read)
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
        entries: list[SocketEntry] = []
        for family in (_socket.AF_INET, _socket.AF_INET6):
            entries += self._ask(
                dump_request(family, protocol, socket_filter, states), read
            )
        return entries

    def _ask(self, request: bytes, read: Callable[[bytes], Chunk]) -> list[SocketEntry]:
        self._netlink.send(request)
        entries: list[SocketEntry] = []
        while True:
            # one more byte shows whether the answer was too long for the buffer
            data = self._netlink.recv(BUFFER_BYTES + 1)
            if len(data) > BUFFER_BYTES or not data:
                raise ValueError("the kernel's answer was cut short")
            chunk = read(data)
            entries += chunk.entries
            self.interrupted = self.interrupted or chunk.interrupted
            if chunk.error == errno.ENOENT:
                raise OSError(chunk.error, "this kernel can't list these sockets")
            if chunk.error:
                raise OSError(chunk.error, os.strerror(chunk.error))
            if chunk.done:
                return entries


def with_sock_diag(task: Callable[[SockDiag], Result], notes: list[str]) -> Result:
    """Run the task with a netlink socket and return its result.

    The task is repeated if the socket tables change in the meantime; if they still do
    in the last attempt, a note is added to ``notes``. No privilege is necessary.
    Raises :class:`SystemReadError` if sock_diag is not available, as in sandboxes that
    refuse netlink sockets.
    """
    if sys.platform != "linux":
        raise SystemReadError("sock_diag exists on Linux only")
    kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
    try:
        with closing(
            _socket.socket(_socket.AF_NETLINK, kind, NETLINK_SOCK_DIAG)
        ) as netlink:
            netlink.connect((0, 0))  # accept answers from the kernel only
            for _ in range(ATTEMPTS):
                kernel = SockDiag(netlink)
                result = task(kernel)
                if not kernel.interrupted:
                    return result
    except (OSError, ValueError) as error:
        raise SystemReadError(f"sock_diag: {error}") from None
    notes.append("the socket tables changed while they were listed")
    return result


def lists_idle_sockets(entries: Iterable[SocketEntry] = ()) -> bool:
    """Whether this kernel lists TCP sockets that are bound but idle (Linux 6.8).

    ``entries``: a list of sockets. If it has such a socket, an older version has this
    feature as well.
    """
    if sys.platform != "linux":
        return False
    if any(entry.state is TcpState.BOUND for entry in entries):
        return True
    major, minor = os.uname().release.replace("-", ".").split(".")[:2]
    return (int(major), int(minor)) >= FIRST_WITH_IDLE_SOCKETS
