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

CLOSING_SECONDS = 0.5
"""How long to wait for the peer to close the connection, if the time limit allows it.
By then the result is known."""

_LOCAL_FAILURES = {
    errno.EADDRNOTAVAIL: "no ephemeral port remains, or this host has no such address",
    errno.EAFNOSUPPORT: None,
    errno.EMFILE: None,
    errno.ENFILE: None,
    errno.ENOBUFS: None,
    errno.ENOMEM: None,
}
"""Failures of this host, by errno. They show nothing about the other host."""


def probe_remote_port(
    host: str, port: int, ip_version: int | None, limit_seconds: float
) -> RemoteReport:
    """Try to connect to a host, given by name or address.

    ``ip_version`` is 4, 6, or ``None`` for both. The addresses of a name are tried in
    the order of getaddrinfo(3) until one is open. The time limit includes resolving
    the name; the addresses share the remaining time equally. Data from the peer is
    discarded.
    Raises :class:`SystemReadError` if the name does not resolve, or if this host
    cannot make any attempt.
    """
    deadline = time.monotonic() + limit_seconds
    targets = look_up(host, port, FAMILIES.get(ip_version or 0, socket.AF_UNSPEC))
    attempts: list[Attempt] = []
    problem = ""
    for index, (family, address) in enumerate(targets):
        share = (deadline - time.monotonic()) / (len(targets) - index)
        if share <= 0:
            problem = problem or f"resolving {host!r} took all the time"
            break
        try:
            attempts.append(_attempt(family, address, share))
        except OSError as error:
            reason = _LOCAL_FAILURES.get(error.errno or 0) or error.strerror
            problem = problem or f"cannot connect to {address[0]}: {reason}"
            continue
        if attempts[-1].outcome is Outcome.OPEN:
            break
    if not attempts:
        raise SystemReadError(problem)
    return RemoteReport(host, port, attempts)


def _attempt(family: int, address: tuple[Any, ...], limit_seconds: float) -> Attempt:
    """Connect and close. Raises ``OSError`` for a failure of this host."""
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
        except ConnectionResetError:  # the RST came after the handshake: tcp_reset()
            return Attempt(name, Outcome.OPEN, time.perf_counter() - begin)
        except OSError as error:
            seconds = time.perf_counter() - begin
            if error.errno in _LOCAL_FAILURES:
                raise
            reason = error.strerror or os.strerror(error.errno or 0)
            return Attempt(name, Outcome.UNREACHABLE, seconds, reason)
        seconds = time.perf_counter() - begin
        if _is_self_connection(client):
            reason = "no listener: the connection reached itself"
            return Attempt(name, Outcome.CLOSED, seconds, reason)
        _close_gracefully(client, min(CLOSING_SECONDS, limit_seconds - seconds))
    return Attempt(name, Outcome.OPEN, seconds)


def _is_self_connection(client: socket.socket) -> bool:
    # it happens if the kernel chooses the target port as the local port: a socket that
    # receives its own SYN completes a simultaneous open (RFC 9293, section 3.5)
    try:
        return bool(client.getsockname() == client.getpeername())
    except OSError:  # the peer has already reset it
        return False


def _close_gracefully(client: socket.socket, limit_seconds: float) -> None:
    # a close with unread data sends a RST, and so does data that arrives after it
    # (kernel: tcp_close(), tcp_rcv_state_process()): read until the peer closes
    deadline = time.monotonic() + limit_seconds
    try:
        client.shutdown(socket.SHUT_WR)
        remaining = limit_seconds
        while remaining > 0:
            client.settimeout(remaining)
            if not _discard(client):
                return
            remaining = deadline - time.monotonic()
    except OSError:  # the peer reset the connection, or keeps it open
        pass


def _discard(client: socket.socket) -> int:
    # with MSG_TRUNC, Linux drops the bytes and does not copy them: tcp(7)
    flags = getattr(socket, "MSG_TRUNC", 0)
    return client.recv_into(bytearray(65536), 65536, flags)
