"""Advice: services listen on ports of the ephemeral range that are not reserved."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ..ports import PortPool, format_port_list
from .facts import Advice, Listener
from .wider_range import RESERVED

MOST_NAMES = 3
"""At most this many listeners are named."""
LONGEST_LIST = 400
"""A longer list of ports is too long to copy."""


def advise_listeners(
    pool: PortPool, listeners: Sequence[Listener], reserved: AbstractSet[int]
) -> Advice | None:
    """Listeners inside the range that aren't reserved.

    bind() to port 0 begins at the second half (see
    :meth:`PortRange.is_first_choice`), so somebody chose the port of a listener in the
    first. Of the others nobody can tell: they are spoken of if there are none but
    those.
    """
    processes = dict(sorted(listeners))
    chosen = {port for port in processes if pool.range.is_first_choice(port)}
    ports = sorted(chosen or processes)
    if not ports:
        return None
    named = [f"{port}{processes[port] and f' ({processes[port]})'}" for port in ports]
    if len(ports) > MOST_NAMES:
        named[MOST_NAMES:] = [f"{len(ports) - MOST_NAMES} more"]
    unless = "" if chosen else ", unless bind() to port 0 chose it"
    listed = format_port_list(reserved | set(ports))
    short = len(listed) <= LONGEST_LIST
    return Advice(
        f"unreserved ports of the range are listened on: {', '.join(named)};"
        f" a client can take such a port while its service restarts{unless}",
        f"sysctl -w {RESERVED}={listed}" if short else f"reserve them in {RESERVED}",
        is_command=short,
    )
