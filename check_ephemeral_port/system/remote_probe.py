"""One TCP connect() to a port of another host."""

from __future__ import annotations

import errno
import os
import socket
import time

from ..model.port.remote import Attempt, Outcome, RemoteReport
from ..model.sockets import endpoint
from .errors import SystemReadError
from .names import look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

GOODBYE_SECONDS = 0.5
"""How long to wait for the peer to close, too."""

_NOT_EVEN_TRIED = {
    errno.EADDRNOTAVAIL: "no ephemeral port remains, or this host has no such address",
    errno.EAFNOSUPPORT: None,
    errno.EMFILE: None,
    errno.ENFILE: None,
    errno.ENOBUFS: None,
    errno.ENOMEM: None,
}
"""Failures of this host, which tell nothing of the other."""


def probe_remote_port(
    host: str, port: int, ip_version: int | None, limit_seconds: float
) -> RemoteReport:
    """Try to connect to a host, by name or address; ``ip_version`` 4, 6 or any.

    Its addresses are tried in the system's order (getaddrinfo(3)) until one is open.
    All of it, looking up the name included, takes no longer than the limit: each
    address has an equal share of what is left of it. Whatever the peer sends is
    discarded unread.
    Raises :class:`SystemReadError` if the name has no address, or if this host
    can't even try.
    """
    give_up = time.monotonic() + limit_seconds
    targets = look_up(host, port, FAMILIES.get(ip_version or 0, socket.AF_UNSPEC))
    attempts: list[Attempt] = []
    problem = ""
    for index, (family, address) in enumerate(targets):
        share = (give_up - time.monotonic()) / (len(targets) - index)
        if share <= 0:
            problem = problem or f"resolving {host!r} took all the time"
            break
        try:
            attempts.append(_attempt(family, address, share))
        except OSError as error:
            reason = _NOT_EVEN_TRIED.get(error.errno or 0) or error.strerror
            problem = problem or f"cannot connect to {address[0]}: {reason}"
            continue
        if attempts[-1].outcome is Outcome.OPEN:
            break
    if not attempts:
        raise SystemReadError(problem)
    return RemoteReport(host, port, attempts)


def _attempt(family: int, address: tuple[Any, ...], limit_seconds: float) -> Attempt:
    """Connect and say goodbye; ``OSError`` if the fault is this host's."""
    name = endpoint(address[0], address[1]).address
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(limit_seconds)
        begin = time.perf_counter()
        try:
            client.connect(address)
        except (socket.timeout, TimeoutError):  # one class from Python 3.10 on
            return Attempt(name, Outcome.FILTERED, time.perf_counter() - begin)
        except ConnectionRefusedError:
            return Attempt(name, Outcome.CLOSED, time.perf_counter() - begin)
        except ConnectionResetError:  # behind the handshake: see tcp_reset()
            return Attempt(name, Outcome.OPEN, time.perf_counter() - begin)
        except OSError as error:
            seconds = time.perf_counter() - begin
            if error.errno in _NOT_EVEN_TRIED:
                raise
            reason = error.strerror or os.strerror(error.errno or 0)
            return Attempt(name, Outcome.UNREACHABLE, seconds, reason)
        seconds = time.perf_counter() - begin
        if _met_itself(client):
            reason = "no listener: the connection reached itself"
            return Attempt(name, Outcome.CLOSED, seconds, reason)
        _say_goodbye(client, min(GOODBYE_SECONDS, limit_seconds - seconds))
    return Attempt(name, Outcome.OPEN, seconds)


def _met_itself(client: socket.socket) -> bool:
    # to a port of this host's ephemeral range, if the kernel has chosen just that
    # one to connect from: two SYNs that cross make a connection (RFC 9293, 3.5)
    try:
        return bool(client.getsockname() == client.getpeername())
    except OSError:  # the peer has reset it already
        return False


def _say_goodbye(client: socket.socket, limit_seconds: float) -> None:
    # to close while there is something unread, or before it comes, sends a RST:
    # kernel: tcp_close(), tcp_rcv_state_process()
    give_up = time.monotonic() + limit_seconds
    try:
        client.shutdown(socket.SHUT_WR)
        left = limit_seconds
        while left > 0:
            client.settimeout(left)
            if not _discard(client):
                return
            left = give_up - time.monotonic()
    except OSError:  # it has reset the connection, or keeps it open: so be it
        pass


def _discard(client: socket.socket) -> int:
    # Linux drops the bytes without handing them out: MSG_TRUNC in tcp(7)
    flags = getattr(socket, "MSG_TRUNC", 0)
    return client.recv_into(bytearray(65536), 65536, flags)
