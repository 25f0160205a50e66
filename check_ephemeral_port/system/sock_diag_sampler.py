"""Sockets by Linux's sock_diag: what psutil can't see, and fast on busy hosts."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

from ..model.ports import PortRange
from ..model.sockets import TCP, UDP, SocketEntry, SocketSample, Visibility
from .errors import SystemReadError
from .inet_diag import NETLINK_SOCK_DIAG, decode_chunk, dump_request

VISIBILITY = Visibility(
    bound_sockets=True, time_wait_age=True, v6only=True, device=True
)
BUFFER_BYTES = 65536
"""The kernel hands out half of this at a time, whatever the buffer."""
ATTEMPTS = 3
"""How often a dump is begun anew if the tables change under it."""


def sample_by_sock_diag(
    ports: PortRange, protocols: Sequence[str] = (TCP, UDP)
) -> SocketSample:
    """Sockets on these local ports.

    Needs no privilege. Raises :class:`SystemReadError`, in sandboxes that refuse
    the socket family for example.
    """
    entries: list[SocketEntry] = []
    notes = []
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
        ) as netlink:
            for protocol in protocols:
                for family in (socket.AF_INET, socket.AF_INET6):
                    found, consistent = _dump(netlink, family, protocol, ports)
                    entries += found
                    if not consistent:
                        notes.append(f"the {protocol} table changed during the look")
    except AttributeError:
        raise SystemReadError("sock_diag exists on Linux only") from None
    except (OSError, ValueError) as error:
        raise SystemReadError(f"sock_diag: {error}") from None
    return SocketSample(entries, VISIBILITY, "sock_diag", notes=notes)


def _dump(
    netlink: socket.socket, family: int, protocol: str, ports: PortRange
) -> tuple[list[SocketEntry], bool]:
    request = dump_request(family, protocol, ports)
    for _ in range(ATTEMPTS):
        netlink.send(request)
        entries: list[SocketEntry] = []
        interrupted = done = False
        while not done:
            chunk = decode_chunk(netlink.recv(BUFFER_BYTES), protocol)
            entries += chunk.entries
            interrupted = interrupted or chunk.interrupted
            done = chunk.done
            # ENOENT: this kernel has no such protocol or family
            if chunk.error and chunk.error != errno.ENOENT:
                raise OSError(chunk.error, os.strerror(chunk.error))
        if not interrupted:
            break
    return entries, not interrupted
