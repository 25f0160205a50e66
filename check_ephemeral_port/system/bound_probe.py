"""An experiment that tells whether a port in use is barred from connect().

Nothing on Linux shows whether a connected socket was bound first. But a socket whose
choice is narrowed to that one port (``IP_LOCAL_PORT_RANGE``, Linux 6.3, see ip(7))
learns it from connect(). It goes to port 0 of loopback, where nobody can listen: the
kernel either refuses to take the port, or takes it and sends a SYN, which comes back
as a RST. The socket is closed at once and leaves nothing behind, but TCP's counters
of opened and failed connections move by one for each port that was free to take.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable

from .errors import SystemReadError

IP_LOCAL_PORT_RANGE = 51
NOBODY_LISTENS = ("127.0.0.1", 0)
CHUNK = 256


def probe_ports(ports: Iterable[int], limit_seconds: float) -> dict[int, bool]:
    """Whether each port is bound; ports that the time did not suffice for are left out.

    Raises :class:`SystemReadError` if the kernel can't make the experiment.
    """
    bound: dict[int, bool] = {}
    give_up = time.monotonic() + limit_seconds
    try:
        for port in ports:
            if len(bound) % CHUNK == 0 and time.monotonic() > give_up:
                break
            bound[port] = _is_bound(port)
    except OSError as error:
        raise SystemReadError(f"probe: {error.strerror}") from None
    return bound


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        # lower bound in the low half, upper bound in the high half: the same here
        only = struct.pack("=HH", port, port)
        client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
        outcome = client.connect_ex(NOBODY_LISTENS)
    if outcome == errno.EADDRNOTAVAIL:
        return True
    if outcome in (errno.EINPROGRESS, errno.ECONNREFUSED):
        return False
    raise OSError(outcome, errno.errorcode.get(outcome, str(outcome)))
