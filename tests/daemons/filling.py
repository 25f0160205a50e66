"""Fills the range of 40 ports to one destination, and sets it free again."""

import socket
from contextlib import contextmanager
from typing import Iterator

from tests.kernel.sockets import connect, listen, open_sockets

PORTS = "40000-40039"
SERVER = ("127.0.0.1", 5000)
IDLE = "EPHEMERAL_PORT OK - "
FULL = "EPHEMERAL_PORT CRITICAL - 95% of 40 ports to 127.0.0.1:5000 used, 2 left"
"""How the status begins before, and while the range is filled."""


@contextmanager
def filled() -> Iterator[None]:
    """38 of 40 ports taken."""
    server = listen(*SERVER)
    clients = open_sockets(38, lambda: connect(SERVER))
    yield
    # a listener that goes resets what nobody accepted, so that no TIME_WAIT is left
    server.close()
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1] + [0] * 7))
        client.close()
