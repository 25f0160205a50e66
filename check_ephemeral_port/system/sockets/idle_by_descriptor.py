"""TCP sockets that are bound but idle, found among the descriptors of processes.

Before Linux 6.8, no list shows these sockets. pidfd_getfd(2) (Linux 5.6) copies a
descriptor of another process, and getsockname() of the copy returns its port. It needs
the right to trace the process, so it is for root. The socket itself does not change,
and each copy is closed at once.
"""

# what the types of other platforms lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ...model.records import NamedTuple
from ...model.sockets import TCP, SocketEntry, TcpState, endpoint

PIDFD_GETFD = 438
"""The number of this system call on all architectures."""
SIOCGSKNS = 0x894C
"""Opens the network namespace of a socket (``include/uapi/linux/sockios.h``)."""
SO_BINDTOIFINDEX = 62
TCP_CLOSE = 7
"""The state of a TCP socket that neither listens nor is connected."""


class IdleSockets(NamedTuple):
    """The idle sockets of this thread's network namespace."""

    entries: list[SocketEntry]
    without_port: int
    """The number of TCP sockets that are neither bound nor connected. They are idle as
    well, and hold no port."""


def find_idle_sockets(limit_seconds: float) -> IdleSockets:
    """The TCP sockets that are bound but idle, with their pids, one entry each.

    It inspects every socket of every process, at about 10 us each.
    """
    if sys.platform != "linux":
        return IdleSockets([], 0)
    end = time.monotonic() + limit_seconds
    namespace = os.stat("/proc/thread-self/ns/net").st_ino
    found: dict[int, SocketEntry] = {}
    for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc")))):
        try:
            for held in _sockets_of(pid):
                if _is_idle(held) and _namespace_of(held) == namespace:
                    entry = _entry(held, pid)
                    found.setdefault(entry.inode or 0, entry)
                if time.monotonic() > end:
                    return _sorted_out(found)
        except OSError:  # the process has ended, not permitted, or an older kernel
            continue
    return _sorted_out(found)


def _sorted_out(found: Mapping[int, SocketEntry]) -> IdleSockets:
    bound = [entry for entry in found.values() if entry.local.port]
    return IdleSockets(bound, len(found) - len(bound))


def _sockets_of(pid: int) -> Iterator[socket.socket]:
    """A copy of each socket of a process. It is closed when the next one is taken.

    Raises ``OSError``.
    """
    folder = f"/proc/{pid}/fd"
    numbers = [name for name in os.listdir(folder) if _is_socket(f"{folder}/{name}")]
    if not numbers:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        for number in numbers:
            with suppress(FileNotFoundError):  # closed in the meantime
                with _copy(libc, process, int(number)) as held:
                    yield held
    finally:
        os.close(process)


def _is_socket(path: str) -> bool:
    try:
        return os.readlink(path).startswith("socket:")
    except FileNotFoundError:  # closed in the meantime
        return False


def _copy(libc: ctypes.CDLL, process: int, number: int) -> socket.socket:
    copy = libc.syscall(PIDFD_GETFD, process, number, 0)
    if copy < 0:
        error = ctypes.get_errno()
        if error == errno.EBADF:
            raise FileNotFoundError(error, os.strerror(error))
        raise OSError(error, os.strerror(error))
    return socket.socket(fileno=copy)


def _is_idle(held: socket.socket) -> bool:
    if held.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    if held.proto != socket.IPPROTO_TCP:
        return False
    state = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state == bytes([TCP_CLOSE])


def _namespace_of(held: socket.socket) -> int:
    """The inode that identifies the network namespace of a socket."""
    import fcntl  # not on Windows

    namespace = fcntl.ioctl(held.fileno(), SIOCGSKNS)
    try:
        return os.stat(namespace).st_ino
    finally:
        os.close(namespace)


def _entry(held: socket.socket, pid: int) -> SocketEntry:
    address, port, *_ = held.getsockname()
    v6only = None
    if held.family == socket.AF_INET6:
        v6only = held.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) != 0
    file = os.stat(held.fileno())
    return SocketEntry(
        TCP,
        endpoint(address, port),
        state=TcpState.BOUND,
        v6only=v6only,
        device=held.getsockopt(socket.SOL_SOCKET, SO_BINDTOIFINDEX),
        inode=file.st_ino,
        uid=file.st_uid,
        pid=pid,
    )
