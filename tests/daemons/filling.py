"""Fills a range of 40 ports towards one destination, and frees it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.sockets import held_connections, reset_at_close

PORTS = "40000-40039"
SERVER = ("127.0.0.1", 5000)
IDLE = "EPHEMERAL_PORT OK - "
FULL = (
    "EPHEMERAL_PORT CRITICAL - 95% of 40 ports to 127.0.0.1:5000 used, above 90%,"
    " 2 remaining"
)
"""The beginning of the status line before the range is filled, and while it is."""


@contextmanager
def filled() -> Iterator[None]:
    """38 of the 40 ports are used inside the block."""
    with held_connections(38) as clients:
        yield
        for client in clients:
            reset_at_close(client)
