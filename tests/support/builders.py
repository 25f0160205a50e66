"""Builds samples and histories in few words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from check_ephemeral_port.model.forecast.trend import Point, Series
from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.sample import SocketSample, sum_up
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import (
    TCP,
    UDP,
    SocketEntry,
    SocketListing,
    TcpState,
    Visibility,
    endpoint,
)

US = "198.51.100.5"
THEM = "192.0.2.7"
SEES_ALL = Visibility(bound_sockets=True, time_wait_age=True, v6only=True, device=True)
SERIES = Series(
    boot_id="boot",
    pool="pool",
    points=(
        Point(uptime_seconds=1.5, wall_seconds=1e9, used=7),
        Point(uptime_seconds=61.5, wall_seconds=1e9 + 60, used=8),
    ),
)
HISTORY = {"tcp_connect": SERIES, "udp_bind": SERIES._replace(points=())}
"""The content of a state file."""


def pool(
    first: int = 40000, last: int = 40039, reserved: Collection[int] = ()
) -> PortPool:
    return PortPool(PortRange(first, last), reserved)


def connected(
    port: int,
    remote: str = THEM,
    remote_port: int = 443,
    local: str = US,
    protocol: str = TCP,
    **more: Any,
) -> SocketEntry:
    if protocol == TCP:
        more.setdefault("state", TcpState.ESTABLISHED)
    return SocketEntry(
        protocol, endpoint(local, port), endpoint(remote, remote_port), **more
    )


def waiting(port: int, age: float | None = 30.0, **more: Any) -> SocketEntry:
    return connected(port, state=TcpState.TIME_WAIT, time_wait_age_seconds=age, **more)


def bound(
    port: int, address: str = US, protocol: str = TCP, **more: Any
) -> SocketEntry:
    if protocol == TCP:
        more.setdefault("state", TcpState.BOUND)
    return SocketEntry(protocol, endpoint(address, port), **more)


def sample(
    *entries: SocketEntry, unseen: int = 0, rules: ConnectRules = ConnectRules()
) -> SocketSample:
    return sum_up(
        SocketListing(
            entries=entries,
            visibility=SEES_ALL,
            sampler="test",
            unseen_tcp_sockets=unseen,
        ),
        rules,
    )


__all__ = ["TCP", "UDP", "bound", "connected", "pool", "sample", "waiting"]
