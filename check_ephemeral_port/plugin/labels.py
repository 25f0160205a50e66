"""All perfdata labels of the plugin, with their units and meanings.

A label never changes its meaning. Documentation and Grafana dashboard are generated
from these tables.
"""

from __future__ import annotations

from ..model.records import NamedTuple

HOST_PORT = "HOST:PORT"
"""Stands for a destination of ``-d`` in the name of a label."""
DEVICE = "DEVICE"
"""Stands for a network device in the name of a label."""
VRF = "VRF"
"""Stands for a VRF in the name of a label."""


class Label(NamedTuple):
    """One perfdata label."""

    name: str
    """As printed, but with :data:`HOST_PORT` for a destination, :data:`DEVICE` for a
    device and :data:`VRF` for a VRF."""
    unit: str
    """``%``, ``s``, or nothing for a number of ports, sockets or namespaces."""
    meaning: str


POOL_LABELS = (
    Label(
        "tcp_connect%VRF",
        "%",
        "tcp_connect in this VRF; only if sockets are in it, and without -d",
    ),
    Label("tcp_connect%VRF_free", "", "tcp_connect_free in this VRF"),
    Label(
        "tcp_connect_HOST:PORT%DEVICE",
        "%",
        "tcp_connect for the connections to this destination of -d that are bound to "
        "this network device; only if there are any",
    ),
    Label(
        "tcp_connect_HOST:PORT%DEVICE_free",
        "",
        "tcp_connect_free for these connections",
    ),
    Label(
        "tcp_connect_HOST:PORT",
        "%",
        "tcp_connect for this destination of -d; an IPv6 address is written in full",
    ),
    Label(
        "tcp_connect_HOST:PORT_eta",
        "s",
        "tcp_connect_eta for this destination of -d",
    ),
    Label(
        "tcp_connect_HOST:PORT_free",
        "",
        "tcp_connect_free for this destination of -d",
    ),
    Label(
        "bind_failed",
        "",
        "calls of bind() to port 0 that failed because no port was free, since the "
        "last run with the same --state-file, else since --recorder on; only where "
        "the kernel can record them",
    ),
    Label("netns", "", "network namespaces that --all-netns inspected"),
    Label("netns_failed", "", "network namespaces that --all-netns cannot inspect"),
    Label(
        "tcp_bind",
        "%",
        "percent used for TCP bind() to port 0, rounded down: 100 means that no port "
        "remains",
    ),
    Label(
        "tcp_bind_eta",
        "s",
        "seconds until no port remains for TCP bind(), if the usage grows; only with "
        "--state-file",
    ),
    Label(
        "tcp_bind_free",
        "",
        "ports remaining for TCP bind(); the maximum is the size of the pool",
    ),
    Label(
        "tcp_connect",
        "%",
        "percent used for TCP connect() to the fullest destination, with -d to the "
        "fullest of the watched destinations; rounded down: 100 means that no port "
        "remains",
    ),
    Label(
        "tcp_connect_eta",
        "s",
        "seconds until no port remains for TCP connect() to the destination that runs "
        "out first, if the usage grows; only with --state-file",
    ),
    Label(
        "tcp_connect_failed",
        "",
        "connects that failed because no port was free, since the last run with the "
        "same --state-file, else since --recorder on; only while it is on. On Windows, "
        "events of the last hour in the System log that say so",
    ),
    Label(
        "tcp_connect_fast",
        "%",
        "percent used of the first-choice ports, the half of the range that connect() "
        "tries first, for the fullest destination",
    ),
    Label(
        "tcp_connect_free",
        "",
        "ports remaining for TCP connect() to the fullest destination; the maximum is "
        "the size of the pool",
    ),
    Label("tcp_sockets", "", "TCP sockets on ports of the pool"),
    Label(
        "tcp_time_wait",
        "",
        "TCP sockets in TIME_WAIT on ports of the pool; missing where the system does "
        "not list them",
    ),
    Label(
        "udp_bind",
        "%",
        "percent used for UDP, rounded down: 100 means that no port remains",
    ),
    Label(
        "udp_bind_eta",
        "s",
        "seconds until no port remains for UDP, if the usage grows; only with "
        "--state-file",
    ),
    Label(
        "udp_bind_free",
        "",
        "ports remaining for UDP; the maximum is the size of the pool",
    ),
    Label(
        "udp_failed",
        "",
        "UDP requests that failed because no port was free; see bind_failed",
    ),
    Label("udp_sockets", "", "UDP sockets on ports of the pool"),
)
"""Labels of the pool check, in the order of the output."""

PORT_LABELS = (
    Label("established", "", "TCP sockets on the port in state ESTABLISHED"),
    Label("listening", "", "TCP sockets that listen on the port"),
    Label("sockets", "", "sockets on the port, in any state"),
    Label(
        "time_wait",
        "",
        "TCP sockets on the port in TIME_WAIT; missing where the system does not list "
        "them",
    ),
)
"""Labels of the port check for a port of this host, in the order of the output."""

REMOTE_PORT_LABELS = (
    Label(
        "time",
        "s",
        "seconds until the result of the connection was known; the maximum is the "
        "time limit, --timeout",
    ),
)
"""Labels of the port check for a port of another host."""

LABELS = (*POOL_LABELS, *PORT_LABELS, *REMOTE_PORT_LABELS)
