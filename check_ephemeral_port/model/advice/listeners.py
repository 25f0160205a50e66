"""Advice: services listen on ports of the ephemeral range that are not reserved."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ..ports import PortPool, format_port_list
from .facts import Advice, Listener
from .wider_range import RESERVED, USUAL

MAX_NAMES = 3
"""Maximum number of listeners that are named."""
MAX_LIST_LENGTH = 400
"""A longer list of ports, in characters, is too long to copy."""


def advise_listeners(
    pool: PortPool, listeners: Sequence[Listener], reserved: AbstractSet[int]
) -> Advice | None:
    """Advice for listeners inside the range whose ports are not reserved.

    bind() to port 0 starts in the second half of the range (see
    :meth:`PortRange.is_first_choice`). So a listener in the first half most likely has
    a fixed port. So has one below the usual range, where services are. Any other can
    have a fixed port or a random one; it is mentioned only if there are no such.
    """
    processes = dict(sorted(listeners))
    chosen = {
        port
        for port in processes
        if port < USUAL.first or pool.range.is_first_choice(port)
    }
    ports = sorted(chosen or processes)
    if not ports:
        return None
    named = [f"{port}{processes[port] and f' ({processes[port]})'}" for port in ports]
    if len(ports) > MAX_NAMES:
        named[MAX_NAMES:] = [f"{len(ports) - MAX_NAMES} more"]
    unless = "" if chosen else ", unless bind() to port 0 chose it"
    listed = format_port_list(reserved | set(ports))
    short = len(listed) <= MAX_LIST_LENGTH
    return Advice(
        f"unreserved ports of the range are listened on: {', '.join(named)};"
        f" a client can take such a port while its service restarts{unless}",
        f"sysctl -w {RESERVED}={listed}" if short else f"reserve them in {RESERVED}",
        is_command=short,
    )
