"""Host names to addresses."""

from __future__ import annotations

import socket

from ..model.sockets import Endpoint, endpoint
from .errors import SystemReadError


def resolve(host: str, port: int) -> tuple[Endpoint, ...]:
    """Every address of a host, IPv4 and IPv6, with the port.

    Literals are taken as they are, without asking anyone.
    Raises :class:`SystemReadError` if there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise SystemReadError(f"cannot resolve {host!r}: {reason}") from None
    return tuple(dict.fromkeys(endpoint(str(a[0]), int(a[1])) for *_, a in found))
