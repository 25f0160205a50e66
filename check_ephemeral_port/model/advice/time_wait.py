"""Advice: connect() is not allowed to take over ports in TIME_WAIT."""

from __future__ import annotations

from ..connect import ConnectUsage
from ..connections import Connections, pack_destination, port_numbers
from ..settings import ConnectRules
from ..sockets import Destination
from .facts import MAIN_CAUSE, Advice

MANY = 0.25
"""There is advice if at least this share of the pool is in TIME_WAIT."""

REUSE = "net.ipv4.tcp_tw_reuse"
TIMESTAMPS = "net.ipv4.tcp_timestamps"


def advise_time_wait(
    waiting: int, connect: ConnectUsage, rules: ConnectRules
) -> Advice | None:
    """Advice if TIME_WAIT takes many ports that connect() could take over.

    ``waiting``: see :func:`time_wait_ports`.
    """
    if (
        connect.destination is None
        or waiting < MANY * connect.ports.capacity
        or rules.reuse is None
        or rules.allow_reuse(connect.destination)
    ):
        return None
    reasons, fix = [], [f"{REUSE}=1"]
    if not rules._replace(timestamps=True).allow_reuse(connect.destination):
        only = ", which is for loopback only" if rules.reuse == 2 else ""
        reasons.append(f"{REUSE} is {rules.reuse}{only}")
    if not rules.timestamps:
        reasons.append(f"{TIMESTAMPS} is 0")
        fix.append(f"{TIMESTAMPS}=1")
    most = waiting >= MAIN_CAUSE * connect.ports.used.best
    return Advice(
        f"{waiting} ports to {connect.destination.remote} are in TIME_WAIT and can't"
        f" be taken over: {' and '.join(reasons)}",
        f"sysctl -w {' '.join(fix)}",
        cause=" and ".join(reasons) if most else "",
    )


def time_wait_ports(connections: Connections, destination: Destination | None) -> int:
    """Number of ports in TIME_WAIT to a destination that connect() could take over if
    the settings allowed it."""
    if destination is None:
        return 0
    key = pack_destination(destination)
    return len({*port_numbers(connections.time_wait.get(key, b""))})
