"""Names of hosts and services, resolved by the system."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from itertools import product

from ..model.sockets import TCP, UDP, Endpoint, endpoint
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def resolve(host: str, port: int) -> tuple[Endpoint, ...]:
    """All addresses of a host, IPv4 and IPv6, with the port.

    If ``host`` is an address already, no name service is asked.
    Raises :class:`SystemReadError` if the name does not resolve.
    """
    found = look_up(host, port)
    return tuple(dict.fromkeys(endpoint(str(a[0]), int(a[1])) for _, a in found))


def look_up(
    host: str, port: int, family: int = socket.AF_UNSPEC
) -> list[tuple[int, tuple[Any, ...]]]:
    """Address families and addresses for connect(), in the order of getaddrinfo(3).

    Raises :class:`SystemReadError` if the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        to = " to an IPv6 address" if family == socket.AF_INET6 else ""
        raise SystemReadError(f"cannot resolve {host!r}{to}: {reason}") from None
    return list(dict.fromkeys((int(family), a) for family, *_, a in found))


def device_index(name: str) -> int:
    """The index of a network device, from its name or a number.

    Raises :class:`SystemReadError` if there is none.
    """
    try:
        return int(name) if name.isdigit() else socket.if_nametoindex(name)
    except OSError:
        raise SystemReadError(f"there is no network device {name!r}") from None


def device_names(indices: Iterable[int]) -> dict[int, str]:
    """The names of network devices by index; a device that is gone keeps its number."""
    names = {}
    for index in indices:
        try:
            names[index] = socket.if_indextoname(index)
        except OSError:
            names[index] = f"device {index}"
    return names


def service_names(port: int, protocols: Iterable[str]) -> dict[str, str]:
    """The service names of a port, by protocol. Protocols without a name are omitted.

    Source: getservbyport(3). It reads ``/etc/services``, or the database that
    nsswitch.conf names.
    """
    names = {}
    for protocol in protocols:
        try:
            names[protocol] = socket.getservbyport(port, protocol)
        # the port is not in the database, or the database is missing or malformed
        except (OSError, UnicodeDecodeError):
            continue
    return names


def service_port(name: str, protocols: Iterable[str] = (TCP, UDP)) -> int:
    """The port of a service, for the first of the protocols that has it.

    Source: getservbyname(3). Raises :class:`SystemReadError` if there is none.
    """
    protocols = list(protocols)
    for spelling, protocol in product((name, name.lower()), protocols):
        try:
            return socket.getservbyname(spelling, protocol)
        except (OSError, ValueError):  # ValueError: not a name
            continue
    known = f"the system knows no {'/'.join(protocols)} service {name!r}"
    raise SystemReadError(f"{known}, give the number of its port")
