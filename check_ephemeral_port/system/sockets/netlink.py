"""The conversation with Linux's sock_diag."""

from __future__ import annotations

import _socket  # not socket: see inet_diag
import errno
import os
import sys
from collections.abc import Callable
from contextlib import closing

from ...model.sockets import TCP, SocketEntry
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

    Seen = TypeVar("Seen")

BUFFER_BYTES = 65536
"""The kernel hands out half of this at a time, whatever the buffer."""
ATTEMPTS = 3
"""How often a look is begun anew if the tables change under it."""
NOT_SUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP)
"""How the kernel answers a kind of request that it doesn't know."""
IDLE_SINCE = (6, 8)
"""Linux: no list of an older one has the TCP sockets that are bound but idle."""


class SockDiag:
    """The kernel, as somebody to ask."""

    def __init__(self, netlink: _socket.socket) -> None:
        self._netlink = netlink
        self.interrupted = False
        """The tables changed while the kernel walked them."""

    def dump(
        self,
        protocol: str,
        wanted: bytes,
        read: Callable[[bytes], Chunk],
        states: int = ALL_STATES,
    ) -> list[SocketEntry]:
        """Have all sockets of a protocol read, IPv4 and IPv6; the entries that came
        of it. ``wanted`` and ``states`` as in :func:`~.inet_diag.dump_request`."""
        if protocol == TCP:
            try:
                return self._ask(tcp_dump_request(wanted, states), read)
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
        entries: list[SocketEntry] = []
        for family in (_socket.AF_INET, _socket.AF_INET6):
            entries += self._ask(dump_request(family, protocol, wanted, states), read)
        return entries

    def _ask(self, request: bytes, read: Callable[[bytes], Chunk]) -> list[SocketEntry]:
        self._netlink.send(request)
        entries: list[SocketEntry] = []
        while True:
            # one byte more than there ever is: what fills that, too, is cut short
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


def with_sock_diag(task: Callable[[SockDiag], Seen], notes: list[str]) -> Seen:
    """What the task sees, anew if the tables change meanwhile; ``notes`` tell of it if
    they don't stop to.

    Needs no privilege. Raises :class:`SystemReadError`, in sandboxes that refuse the
    socket family for example.
    """
    if sys.platform != "linux":
        raise SystemReadError("sock_diag exists on Linux only")
    kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
    try:
        with closing(
            _socket.socket(_socket.AF_NETLINK, kind, NETLINK_SOCK_DIAG)
        ) as netlink:
            netlink.connect((0, 0))  # nobody but the kernel may answer
            for _ in range(ATTEMPTS):
                kernel = SockDiag(netlink)
                seen = task(kernel)
                if not kernel.interrupted:
                    return seen
    except (OSError, ValueError) as error:
        raise SystemReadError(f"sock_diag: {error}") from None
    notes.append("the socket tables changed while they were listed")
    return seen


def lists_idle_sockets() -> bool:
    """Whether this kernel lists TCP sockets that are bound but idle."""
    if sys.platform != "linux":
        return False
    major, minor = os.uname().release.replace("-", ".").split(".")[:2]
    return (int(major), int(minor)) >= IDLE_SINCE
