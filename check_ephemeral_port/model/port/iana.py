"""The classes of port numbers that IANA defines."""

from __future__ import annotations

from enum import Enum

from ..ports import MAX_PORT


class IanaClass(Enum):
    """The IANA class of a port. Source: RFC 6335, section 6.

    The dynamic ports are not the ephemeral range of a system. That range is a
    :class:`~.ports.PortRange`.
    """

    SYSTEM = "system"
    """0-1023, or well-known ports; IANA assigns them."""
    USER = "user"
    """1024-49151, or registered ports; IANA assigns them."""
    DYNAMIC = "dynamic"
    """49152-65535, or private or ephemeral ports; IANA never assigns them."""


def iana_class(port: int) -> IanaClass:
    """The class of a port number. Raises ``ValueError`` unless 0 <= port <= 65535."""
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"{port} is not a port")
    if port < 1024:
        return IanaClass.SYSTEM
    return IanaClass.USER if port < 49152 else IanaClass.DYNAMIC
