"""What a look at the system's sockets yields, whoever looked."""

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
"""What can list the sockets of a host; ``auto`` chooses one of the others."""


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
    """Holds a port through bind(), but neither listens nor connects: the kernel's
    ``BOUND_INACTIVE``."""


class Endpoint(NamedTuple):
    """An address, in canonical text, and a port.

    A v4-mapped IPv6 address is written as the IPv4 address that it stands for,
    since the kernel compares them so. Build one with :func:`endpoint` where the
    address may be mapped.
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
    """An endpoint from an address that may be v4-mapped or carry a zone."""
    return Endpoint(plain_address(address), port)


def plain_address(address: str) -> str:
    """Canonical text without zone (``%eth0``), v4-mapped addresses as IPv4."""
    address = address.partition("%")[0]
    if address.startswith(_V4_MAPPED_PREFIX) and "." in address:
        return address[len(_V4_MAPPED_PREFIX) :]
    return address


def is_ipv6(address: str) -> bool:
    """Whether canonical text is a native IPv6 address."""
    return ":" in address


def is_wildcard(address: str) -> bool:
    """Whether the address stands for every address of the host."""
    return address in (ANY_IPV4, ANY_IPV6)


def is_loopback(address: str) -> bool:
    """Whether the address is of the host itself: 127.0.0.0/8 or ::1."""
    return address.startswith("127.") or address == "::1"


class SocketEntry(NamedTuple):
    """One socket that holds a local port. ``None`` means: the sampler can't tell."""

    protocol: str
    local: Endpoint
    remote: Endpoint | None = None
    """``None`` if the socket isn't connected."""
    state: TcpState | None = None
    """``None`` for UDP, or if the sampler has no name for it."""
    v6only: bool | None = None
    """IPV6_V6ONLY: an IPv6 socket that leaves IPv4 alone."""
    time_wait_age_seconds: float | None = None
    device: int | None = None
    """Index of the interface that SO_BINDTODEVICE names; 0 for none."""
    inode: int | None = None
    """Identifies the socket in ``/proc/PID/fd``; 0 if it has no process any more."""
    uid: int | None = None
    pid: int | None = None

    @property
    def destination(self) -> Destination | None:
        """What the socket is connected to, and from where."""
        if self.remote is None:
            return None
        return Destination(self.local.address, self.remote)


class Destination(NamedTuple):
    """Connections with these in common compete for the same local ports."""

    source: str
    remote: Endpoint


class Visibility(NamedTuple):
    """What a sampler could see, so that the model uses bounds where it could not."""

    bound_sockets: bool
    """TCP sockets that are bound but idle."""
    time_wait_age: bool
    v6only: bool
    device: bool
    time_wait: bool = True


class SocketListing(NamedTuple):
    """Sockets that hold a local port of the pool at one moment, one by one."""

    entries: Sequence[SocketEntry]
    visibility: Visibility
    sampler: str
    """Who looked, for people."""
    unseen_tcp_sockets: int = 0
    """At most so many more TCP sockets exist, which the sampler can't see."""
    notes: Sequence[str] = ()
    """What the reader of this listing should know, for people."""
