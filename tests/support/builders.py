"""Short words for samples and histories."""

from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.sample import sum_up
from check_ephemeral_port.model.sockets import (
    TCP,
    UDP,
    SocketEntry,
    SocketListing,
    TcpState,
    Visibility,
    endpoint,
)
from check_ephemeral_port.model.trend import Point, Series

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
"""What a state file keeps."""


def pool(first=40000, last=40039, reserved=()):
    return PortPool(PortRange(first, last), reserved)


def connected(port, remote=THEM, remote_port=443, local=US, protocol=TCP, **more):
    if protocol == TCP:
        more.setdefault("state", TcpState.ESTABLISHED)
    return SocketEntry(
        protocol, endpoint(local, port), endpoint(remote, remote_port), **more
    )


def waiting(port, age=30.0, **more):
    return connected(port, state=TcpState.TIME_WAIT, time_wait_age_seconds=age, **more)


def bound(port, address=US, protocol=TCP, **more):
    if protocol == TCP:
        more.setdefault("state", TcpState.BOUND)
    return SocketEntry(protocol, endpoint(address, port), **more)


def sample(*entries, unseen=0, reuse_delay_seconds=1.0):
    return sum_up(
        SocketListing(
            entries=entries,
            visibility=SEES_ALL,
            sampler="test",
            unseen_tcp_sockets=unseen,
        ),
        reuse_delay_seconds,
    )


__all__ = ["TCP", "UDP", "bound", "connected", "pool", "sample", "waiting"]
