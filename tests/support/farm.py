"""A network namespace with a given number of TCP sockets, while a command runs.

``python -m tests.support.farm --sockets 500000 -- ss -s`` needs no root. The
sockets are both ends of loopback connections, so about half of them have a port of the
ephemeral range; clients get the ports that connect() would choose. They are spread
over enough processes for the limit of descriptors, and vanish with the command.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Callable, NamedTuple

from tests.support.namespace import enter_namespace, set_sysctl
from tests.support.sockets import reset_at_close

FIRST_PORT, LAST_PORT = 32768, 60999
PORTS = f"{FIRST_PORT}-{LAST_PORT}"
LISTENER = ("0.0.0.0", 20000)
FIRST_DESTINATION = 0x7F010000  # 127.1.0.0, and up: all of 127/8 is this host
USUAL_FILL = 0.45
"""Used share of the range, for one destination. From one half on connect() is slow, so
few hosts use more."""
SOCKETS_A_PROCESS = 20000
SPARE_DESCRIPTORS = 64
TIME_WAIT_FRESH_SECONDS = 25
"""They last 60 s. Making them and measuring must take less than the rest."""
IP_LOCAL_PORT_RANGE = 51  # Linux 6.3, ip(7)

Client = tuple[str, int]
"""Destination address and local port."""


class Plan(NamedTuple):
    """The sockets of a farm."""

    sockets: int
    destinations: int = 0
    """Maximum number of addresses; 0: just enough for the usual share of the range."""
    time_wait_share: float = 0.0
    ports_shared: bool = True
    """If not, each connection has a port of its own. Then nothing shows whether other
    connections could share it."""

    @property
    def connections(self) -> int:
        """Established ones, two sockets each."""
        return int(self.sockets * (1 - self.time_wait_share) / 2)

    @property
    def time_wait(self) -> int:
        """Connections of which one socket remains."""
        return self.sockets - 2 * self.connections

    def established_clients(self) -> Iterator[Client]:
        """The clients of the connections, destination by destination."""
        if not self.ports_shared:
            return _clients_apart(self.connections, self._destinations)
        return _clients(self.connections, self._destinations, 0)

    def time_wait_clients(self) -> Iterator[Client]:
        """The clients in TIME_WAIT, on ports that the others do not use."""
        taken = -(-self.connections // self._destinations)
        return _clients(self.time_wait, self._destinations, taken)

    @property
    def _destinations(self) -> int:
        at_most = int(USUAL_FILL * (LAST_PORT - FIRST_PORT + 1))
        needed = -(-(self.connections + self.time_wait) // at_most)
        return self.destinations or max(1, needed)


def _clients(count: int, destinations: int, taken: int) -> Iterator[Client]:
    # kernel: __inet_hash_connect() tries the ports of the first one's parity first,
    # and begins at another port for each destination
    half = (LAST_PORT - FIRST_PORT + 1) // 2
    share = -(-count // destinations)
    if taken + share > 2 * half:
        raise ValueError(f"{taken + share} ports for a destination, of {2 * half}")
    for index in range(count):
        destination, turn = divmod(index, share)
        second_half, place = divmod(taken + turn, half)
        port = FIRST_PORT + (place + destination * 7919) % half * 2 + second_half
        yield _address(destination), port


def _clients_apart(count: int, destinations: int) -> Iterator[Client]:
    for index in range(count):
        yield _address(index % destinations), FIRST_PORT + index


def _address(destination: int) -> str:
    return socket.inet_ntoa(struct.pack("!L", FIRST_DESTINATION + destination))


class Children:
    """Forked processes that end with the ``with`` block, or with this process."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self._gate, self._leash = os.pipe()
        self._news, self._failures = os.pipe()

    def start(self, work: Callable[[], object]) -> None:
        """Do some work in a child, which then keeps open what it has opened."""
        pid = os.fork()
        if pid:
            self.pids.append(pid)
            return
        try:
            os.close(self._leash)
            try:
                held = work()  # noqa: F841 # open as long as it is referred to
            except BaseException:
                os.write(self._failures, traceback.format_exc().encode())
            os.close(self._failures)
            os.read(self._gate, 1)  # ends when no process holds the leash any more
        finally:
            os._exit(0)

    def wait_until_ready(self) -> None:
        """Raises ``RuntimeError`` if a child's work failed."""
        os.close(self._failures)
        with os.fdopen(self._news) as news:
            failures = news.read()
        if failures:
            raise RuntimeError(failures)

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        # end all of them, and wait for it
        os.close(self._leash)
        for pid in self.pids:
            os.waitpid(pid, 0)
        os.close(self._gate)


class Farm:
    """Holds a plan's sockets in the network namespace of this process.

    Raises ``RuntimeError`` if they can't be made.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.holders = Children()

    def __enter__(self) -> Farm:
        set_sysctl("tcp_max_tw_buckets", 2 * self.plan.sockets + 1000)
        clients = self.plan.established_clients()
        try:
            with _listen() as listener:
                while batch := list(islice(clients, connections_a_process())):
                    self.holders.start(lambda: _connect_and_hold(batch, listener))
                self.holders.wait_until_ready()
            self.renew_time_wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.holders.__exit__()

    def renew_time_wait(self) -> None:
        """Make the TIME_WAIT sockets, or make them young again.

        connect() takes over one that is older than a second (kernel:
        ``tcp_twsk_unique()``, on loopback), so their number does not grow.
        """
        self._renewed = time.monotonic()
        with _listen() as listener:
            for client in self.plan.time_wait_clients():
                first_to_close = _connect(client)
                accepted, _ = listener.accept()
                first_to_close.close()
                accepted.close()
        self.verify()

    def refresh(self) -> None:
        """Renew the TIME_WAIT sockets if a measurement might outlast them."""
        if time.monotonic() > self._renewed + TIME_WAIT_FRESH_SECONDS:
            self.renew_time_wait()

    def verify(self) -> None:
        """Raises ``RuntimeError`` if the kernel counts other numbers than planned."""
        planned = (2 * self.plan.connections, self.plan.time_wait)
        if count_tcp_sockets() != planned:
            raise RuntimeError(f"{count_tcp_sockets()} sockets instead of {planned}")


def connections_a_process() -> int:
    """How many connections, both ends, one process may hold."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (min(SOCKETS_A_PROCESS, limit) - SPARE_DESCRIPTORS) // 2


def count_tcp_sockets() -> tuple[int, int]:
    """IPv4 sockets listening or connected, and in TIME_WAIT, by the kernel's count."""
    lines = Path("/proc/thread-self/net/sockstat").read_text().splitlines()
    words = next(line for line in lines if line.startswith("TCP:")).split()
    counts = dict(zip(words[1::2], map(int, words[2::2])))
    return counts["inuse"], counts["tw"]


def _listen() -> socket.socket:
    # each process accepts after each connect(), so the queue stays short
    return socket.create_server(LISTENER, backlog=1024)


def _connect_and_hold(
    clients: Iterable[Client], listener: socket.socket
) -> list[socket.socket]:
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    held = []
    for client in clients:
        held.append(_connect(client))
        reset_at_close(held[-1])
        # may be the connection of another process: there is one for each accept()
        held.append(listener.accept()[0])
    listener.close()
    return held


def _connect(client: Client) -> socket.socket:
    address, port = client
    connection = socket.socket()
    # a range of one port, since bind() would change which sockets can share the port
    only = struct.pack("=HH", port, port)
    connection.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
    connection.connect((address, LISTENER[1]))
    return connection


def main() -> int:
    """Run a command in a farm, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.farm")
    parser.add_argument("--sockets", type=int, required=True)
    parser.add_argument("--destinations", type=int, default=0)
    parser.add_argument("--time-wait-share", type=float, default=0.0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    enter_namespace(PORTS)
    plan = Plan(options.sockets, options.destinations, options.time_wait_share)
    begin = time.monotonic()
    with Farm(plan):
        print(f"built in {time.monotonic() - begin:.1f} s", file=sys.stderr)
        exit_code = subprocess.run(options.command).returncode
        sockets, waiting = count_tcp_sockets()
        print(
            f"at the end {sockets} TCP sockets, {waiting} in TIME_WAIT", file=sys.stderr
        )
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
