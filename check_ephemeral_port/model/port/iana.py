"""What IANA does with port numbers."""

from __future__ import annotations

from enum import Enum

from ..ports import MAX_PORT


class IanaClass(Enum):
    """What IANA does with a port. Source: RFC 6335, section 6.

    The dynamic ports are not the ephemeral range of a system, which is a
    :class:`~.ports.PortRange`.
    """

    SYSTEM = "system"
    """0-1023, also known as the well-known ports; assigned by IANA."""
    USER = "user"
    """1024-49151, also known as the registered ports; assigned by IANA."""
    DYNAMIC = "dynamic"
    """49152-65535, also known as the private or ephemeral ports; never assigned."""


def iana_class(port: int) -> IanaClass:
    """The class of a port number; ``ValueError`` unless 0 <= port <= 65535."""
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"{port} is not a port")
    if port < 1024:
        return IanaClass.SYSTEM
    return IanaClass.USER if port < 49152 else IanaClass.DYNAMIC
