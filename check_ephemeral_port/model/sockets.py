"""Sockets and their addresses, in the form that every sampler returns."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from .records import NamedTuple

TCP = "tcp"
UDP = "udp"

ANY_IPV4 = "0.0.0.0"
ANY_IPV6 = "::"
_V4_MAPPED_PREFIX = "::ffff:"

AUTO = "auto"
PSUTIL = "psutil"
SOCK_DIAG = "sock_diag"
SAMPLERS = (AUTO, PSUTIL, SOCK_DIAG)
"""The ways to list the sockets of a host. ``auto`` chooses one of the others."""
ALWAYS, NEVER = "always", "never"
PROBES = (ALWAYS, AUTO, NEVER)
"""When to make the experiment; ``auto`` if it is cheap or decides the state."""


class TcpState(Enum):
    """States of a TCP socket, by the kernel's names (``include/net/tcp_states.h``)."""

    ESTABLISHED = "ESTABLISHED"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    FIN_WAIT1 = "FIN_WAIT1"
    FIN_WAIT2 = "FIN_WAIT2"
    TIME_WAIT = "TIME_WAIT"
    CLOSE = "CLOSE"
    CLOSE_WAIT = "CLOSE_WAIT"
    LAST_ACK = "LAST_ACK"
    LISTEN = "LISTEN"
    CLOSING = "CLOSING"
    BOUND = "BOUND"
    """Holds a port through bind(), but neither listens nor connects. The kernel calls
    it ``BOUND_INACTIVE``."""


class Endpoint(NamedTuple):
    """An address, as canonical text, and a port.

    A v4-mapped IPv6 address is written as its IPv4 address, because the kernel
    compares the two as equal. If an address can be mapped, call :func:`endpoint`.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}" if self.is_ipv6 else f"{self[0]}:{self[1]}"
        )

    @property
    def is_ipv6(self) -> bool:
        """Whether the address is a native IPv6 one."""
        return is_ipv6(self.address)


def endpoint(address: str, port: int) -> Endpoint:
    """An endpoint, from an address that can be v4-mapped or have a zone."""
    return Endpoint(plain_address(address), port)


def plain_address(address: str) -> str:
    """An address without its zone (``%eth0``); a v4-mapped address as IPv4."""
    address = address.partition("%")[0]
    if address.startswith(_V4_MAPPED_PREFIX) and "." in address:
        return address[len(_V4_MAPPED_PREFIX) :]
    return address


def is_ipv6(address: str) -> bool:
    """Whether this canonical text is a native IPv6 address."""
    return ":" in address


def is_wildcard(address: str) -> bool:
    """Whether the address stands for every address of the host."""
    return address in (ANY_IPV4, ANY_IPV6)


def is_loopback(address: str) -> bool:
    """Whether the address is in 127.0.0.0/8 or is ::1."""
    return address.startswith("127.") or address == "::1"


class SocketEntry(NamedTuple):
    """One socket that holds a local port. ``None`` means unknown, unless a field says
    otherwise."""

    protocol: str
    local: Endpoint
    remote: Endpoint | None = None
    """``None`` if the socket isn't connected."""
    state: TcpState | None = None
    """``None`` for UDP, or if the state has no name."""
    v6only: bool | None = None
    """IPV6_V6ONLY: this IPv6 socket does not use IPv4."""
    time_wait_age_seconds: float | None = None
    device: int | None = None
    """Index of the interface that SO_BINDTODEVICE names; 0 if none."""
    inode: int | None = None
    """Identifies the socket in ``/proc/PID/fd``; 0 if no process has it any more."""
    uid: int | None = None
    pid: int | None = None

    @property
    def destination(self) -> Destination | None:
        """The destination of the socket; ``None`` if it isn't connected."""
        if self.remote is None:
            return None
        return Destination(self.local.address, self.remote, self.device or 0)


class Destination(NamedTuple):
    """A source address and a remote endpoint.

    Connections with the same destination compete for the same local ports.
    """

    source: str
    remote: Endpoint
    device: int = 0
    """Index of the device that the sockets are bound to; 0 for none."""


class Visibility(NamedTuple):
    """The facts that a sampler can see. For the others, the model computes bounds."""

    bound_sockets: bool
    """Whether it sees TCP sockets that are bound but idle."""
    time_wait_age: bool
    v6only: bool
    device: bool
    time_wait: bool = True


class SocketListing(NamedTuple):
    """The sockets that hold a local port of the pool at one moment, one entry each."""

    entries: Sequence[SocketEntry]
    visibility: Visibility
    sampler: str
    """Display name of the sampler."""
    unseen_tcp_sockets: int = 0
    """Maximum number of TCP sockets that exist but are invisible to the sampler."""
    notes: Sequence[str] = ()
    """Remarks about this listing, as text for the output."""
    monotonic_seconds: float = 0.0
    """The time of the listing, for which the ages of TIME_WAIT are true."""
