"""Fills the range of 40 ports to one destination, and sets it free again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.sockets import held_connections, reset_at_close

PORTS = "40000-40039"
SERVER = ("127.0.0.1", 5000)
IDLE = "EPHEMERAL_PORT OK - "
FULL = "EPHEMERAL_PORT CRITICAL - 95% of 40 ports to 127.0.0.1:5000 used, 2 remaining"
"""How the status begins before, and while the range is filled."""


@contextmanager
def filled() -> Iterator[None]:
    """38 of 40 ports taken."""
    with held_connections(38) as clients:
        yield
        for client in clients:
            reset_at_close(client)
