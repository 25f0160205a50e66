"""Real sockets for a test, and the kernel's answer to 'how many more?'.

Everything stays on the loopback device of the test's own namespace.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Callable, Union

from tests.support.namespace import has_sysctl, set_sysctl

IP_BIND_ADDRESS_NO_PORT = 24
IP_LOCAL_PORT_RANGE = 51
SO_BINDTODEVICE = 25
SERVER_PORT = 5000
Address = tuple[str, int]
SocketOption = tuple[int, int, Union[int, bytes]]
REUSE_ADDRESS: SocketOption = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
SERVER: Address = ("127.0.0.1", SERVER_PORT)

# errors that mean: no free port
EXHAUSTED = {errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN}


def on_device(name: str) -> SocketOption:
    """The option that binds a socket to a device."""
    return socket.SOL_SOCKET, SO_BINDTODEVICE, f"{name}\0".encode()


def in_slice(first: int, last: int) -> SocketOption:
    """The option that narrows the range of one socket."""
    return socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=HH", first, last)


def has_slices() -> bool:
    """Whether this kernel has :func:`in_slice` (Linux 6.3)."""
    with socket.socket() as client:
        try:
            client.setsockopt(*in_slice(1, 1))
        except OSError:
            return False
        return True


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(address: str = "127.0.0.1", port: int = SERVER_PORT) -> socket.socket:
    """A listener that completes handshakes without accept()."""
    server = socket.socket(family_of(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(4096)
    return server


def connect(
    remote: Address,
    source: str | None = None,
    no_port: bool = True,
    options: Iterable[SocketOption] = (),
    port: int = 0,
) -> socket.socket:
    """connect() to a port of the kernel's choice, unless bind() names one.

    With a source, the kernel chooses at connect(), without ``no_port`` at bind().
    ``options`` are arguments of setsockopt().
    """
    client = socket.socket(family_of(remote[0]))
    try:
        for option in options:
            client.setsockopt(*option)
        if source:
            if no_port and not port:
                client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((source, port))
        client.connect(remote)
    except OSError:
        client.close()
        raise
    return client


def bind(address: str = "127.0.0.1", kind: int = socket.SOCK_STREAM) -> socket.socket:
    """bind() to port 0."""
    holder = socket.socket(family_of(address), kind)
    try:
        holder.bind((address, 0))
    except OSError:
        holder.close()
        raise
    return holder


def bind_udp(address: str = "127.0.0.1") -> socket.socket:
    """UDP bind() to port 0."""
    return bind(address, socket.SOCK_DGRAM)


def connect_udp(remote: Address) -> socket.socket:
    """UDP connect()."""
    client = socket.socket(family_of(remote[0]), socket.SOCK_DGRAM)
    try:
        client.connect(remote)
    except OSError:
        client.close()
        raise
    return client


def open_sockets(
    count: int, operation: Callable[[], socket.socket]
) -> list[socket.socket]:
    """The sockets that ``count`` calls of the operation open."""
    return [operation() for _ in range(count)]


@contextmanager
def held_sockets(*sockets: socket.socket) -> Iterator[tuple[socket.socket, ...]]:
    """Keep these open until the end of the block."""
    with ExitStack() as stack:
        for each in sockets:
            stack.enter_context(each)
        yield sockets


@contextmanager
def held_connections(
    count: int,
    server: Address = SERVER,
    source: str | None = None,
    no_port: bool = True,
) -> Iterator[tuple[socket.socket, ...]]:
    """A listener, and ``count`` connections to it, of which it accepts none."""
    with listen(*server):
        clients = open_sockets(count, lambda: connect(server, source, no_port))
        with held_sockets(*clients) as held:
            yield held


@contextmanager
def held_tcp_ports(count: int) -> Iterator[tuple[socket.socket, ...]]:
    """TCP sockets that are bound and do nothing else."""
    with held_sockets(*open_sockets(count, bind)) as held:
        yield held


@contextmanager
def held_udp_ports(count: int) -> Iterator[tuple[socket.socket, ...]]:
    """UDP sockets that are bound."""
    with held_sockets(*open_sockets(count, bind_udp)) as held:
        yield held


@contextmanager
def full_listener(
    address: str = "127.0.0.1", port: int = SERVER_PORT
) -> Iterator[None]:
    """A listener whose queue is full: the kernel drops further SYNs silently."""
    with socket.socket(family_of(address)) as server:
        server.bind((address, port))
        server.listen(0)
        with socket.create_connection((address, port)):
            with socket.socket(family_of(address)) as waiting:
                waiting.setblocking(False)
                waiting.connect_ex((address, port))
                yield


def successes_until_refused(operation: Callable[[], socket.socket]) -> int:
    """How often the operation succeeds until the kernel has no free port.

    The kernel's answer judges every prediction. All sockets are closed at the end.
    """
    with ExitStack() as stack:
        count = 0
        while True:
            try:
                stack.enter_context(operation())
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                return count
            count += 1


def established(
    server: socket.socket, client: socket.socket
) -> tuple[socket.socket, socket.socket]:
    """Both ends of the connection that ``client`` has just made."""
    return client, server.accept()[0]


def time_wait(
    count: int, server: socket.socket, operation: Callable[[], socket.socket]
) -> None:
    """``count`` connections, closed from the client's side: TIME_WAIT on its port."""
    pairs = [established(server, operation()) for _ in range(count)]
    for client, _ in pairs:
        client.close()
    for _, accepted in pairs:
        accepted.recv(1)
        accepted.close()


CHOOSES_DELAY = has_sysctl("tcp_tw_reuse_delay")
"""Whether a test can choose from which age on connect() takes over a TIME_WAIT, as from
Linux 6.14 on."""


def keep_time_wait_young() -> None:
    """From here on, connect() takes over no TIME_WAIT for a minute. Needs
    :data:`CHOOSES_DELAY`."""
    set_sysctl("tcp_tw_reuse_delay", 60000)


def let_time_wait_grow_old() -> None:
    """Wait until connect() can take over every TIME_WAIT that exists now."""
    if CHOOSES_DELAY:
        set_sysctl("tcp_tw_reuse_delay", 1)
        time.sleep(0.1)
    else:  # at the next full second; the age is inexact by some ticks
        time.sleep(1 - time.monotonic() % 1 + 0.05)


def reset_at_close(client: socket.socket) -> None:
    """Let close() send a RST, which leaves no TIME_WAIT."""
    linger = struct.pack("ii", 1, 0)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def connect_without_waiting(
    remote: Address, options: Iterable[SocketOption] = ()
) -> socket.socket:
    """connect() that returns while the handshake is under way: SYN_SENT."""
    client = socket.socket(family_of(remote[0]))
    for option in options:
        client.setsockopt(*option)
    client.setblocking(False)
    outcome = client.connect_ex(remote)
    if outcome != errno.EINPROGRESS:
        client.close()
        raise OSError(outcome, "connect")
    return client


def close_with_data_unread(client: socket.socket) -> None:
    """close() while the peer's window is full: FIN_WAIT1, as long as it is full."""
    client.setblocking(False)
    try:
        while True:
            client.send(bytes(65536))
    except BlockingIOError:
        client.close()
