"""Names of services, from the system's services database."""

from __future__ import annotations

import socket
from collections.abc import Iterable


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
