"""An experiment that shows whether connect() can share a port that is in use.

connect() cannot share a port that a socket holds through bind(). Linux does not show
whether a connected socket was bound first, but an experiment does. A new socket limits
its choice to that one port (``IP_LOCAL_PORT_RANGE``, Linux 6.3, see ip(7)) and connects
to port 0 of loopback, where no process can listen. If the port is bound, the kernel
refuses it. Otherwise the kernel takes the port and sends a SYN; the answer is a RST.

The socket is closed at once, so nothing remains. Only TCP's counters of opened and
failed connections grow by one for each port that is not bound.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable

from .errors import SystemReadError

IP_LOCAL_PORT_RANGE = 51
NO_LISTENER = ("127.0.0.1", 0)
PORTS_PER_TIME_CHECK = 256


def probe_ports(ports: Iterable[int], limit_seconds: float) -> dict[int, bool]:
    """Whether each port is bound. When the time limit is reached, the rest is skipped.

    Raises :class:`SystemReadError` if the kernel does not support the experiment.
    """
    bound: dict[int, bool] = {}
    deadline = time.monotonic() + limit_seconds
    try:
        for port in ports:
            if len(bound) % PORTS_PER_TIME_CHECK == 0 and time.monotonic() > deadline:
                break
            bound[port] = _is_bound(port)
    except OSError as error:
        raise SystemReadError(f"probe: {error.strerror}") from None
    return bound


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        # the lower bound is the low half of the value, the upper bound the high half
        single_port = struct.pack("=HH", port, port)
        client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, single_port)
        outcome = client.connect_ex(NO_LISTENER)
    if outcome == errno.EADDRNOTAVAIL:
        return True
    if outcome in (errno.EINPROGRESS, errno.ECONNREFUSED):
        return False
    raise OSError(outcome, errno.errorcode.get(outcome, str(outcome)))
