"""The fix for a pool that is too small: a wider ephemeral range."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ..ports import MAX_PORT, PortRange
from .facts import Advice

USUAL = PortRange(32768, 60999)
"""The default range of Linux (kernel: ``inet_init_net()``)."""
WIDER = (USUAL, *(PortRange(first, MAX_PORT) for first in (32768, 16384, 1024)))
"""The ranges to suggest, the narrowest first. Wider ranges add ports of registered
services, but never privileged ports."""
LARGE_ENOUGH = 0.75
"""A pool is large enough if it has at least this share of the usual number of ports."""

RANGE = "net.ipv4.ip_local_port_range"
RESERVED = "net.ipv4.ip_local_reserved_ports"


def wider_range(problem: str, cause: str, reserved: AbstractSet[int]) -> Advice:
    """Advice to use the narrowest range that is large enough without reserved ports."""
    for candidate in WIDER:
        capacity = candidate.size - sum(map(candidate.includes, reserved))
        if capacity >= LARGE_ENOUGH * USUAL.size:
            return Advice(problem, set_range(candidate), cause=cause)
    fix = f"reserve fewer ports ({RESERVED})"
    return Advice(problem, fix, is_command=False, cause=cause)


def set_range(ports: PortRange) -> str:
    """The command that sets the range."""
    return f"sysctl -w {RANGE}='{ports.first} {ports.last}'"
