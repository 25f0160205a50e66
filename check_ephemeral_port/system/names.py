"""Names of hosts and services, as the system resolves them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ..model.sockets import Endpoint, endpoint
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def resolve(host: str, port: int) -> tuple[Endpoint, ...]:
    """Every address of a host, IPv4 and IPv6, with the port.

    Literals are taken as they are, without asking anyone.
    Raises :class:`SystemReadError` if there is none.
    """
    found = look_up(host, port)
    return tuple(dict.fromkeys(endpoint(str(a[0]), int(a[1])) for _, a in found))


def look_up(
    host: str, port: int, family: int = socket.AF_UNSPEC
) -> list[tuple[int, tuple[Any, ...]]]:
    """The same as families and addresses to connect() to, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise SystemReadError(f"cannot resolve {host!r}: {reason}") from None
    return list(dict.fromkeys((int(family), a) for family, *_, a in found))


def service_names(port: int, protocols: Iterable[str]) -> dict[str, str]:
    """The name by protocol, for the protocols in which the port has one.

    Source: getservbyport(3), which reads ``/etc/services`` or what nsswitch.conf
    names instead.
    """
    names = {}
    for protocol in protocols:
        try:
            names[protocol] = socket.getservbyport(port, protocol)
        # not in the database, there is none, or it is in some other encoding
        except (OSError, UnicodeDecodeError):
            continue
    return names
