"""Linux's own socket counters: ``/proc/net/sockstat`` and ``sockstat6``."""

from __future__ import annotations

from ..model.records import NamedTuple
from .errors import SystemReadError


class SocketCounts(NamedTuple):
    """How many sockets there are, without listing them."""

    total: int
    """TCP and UDP sockets of the network namespace that a listing would show."""
    tcp_unhashed: int
    """TCP sockets that exist but are in no table: neither listening nor connected.
    Bound but idle ones are among them. An upper limit, since the kernel counts
    those of all network namespaces here."""


def read_socket_counts(proc: str = "/proc") -> SocketCounts:
    """Counters below ``proc``; :class:`SystemReadError` if they can't be read."""
    ipv4 = _counters(f"{proc}/net/sockstat")
    try:
        ipv6 = _counters(f"{proc}/net/sockstat6")
    except SystemReadError:  # no IPv6 in this kernel
        ipv6 = {}
    hashed = ipv4.get("TCP inuse", 0) + ipv6.get("TCP6 inuse", 0)
    udp = ipv4.get("UDP inuse", 0) + ipv6.get("UDP6 inuse", 0)
    return SocketCounts(
        total=hashed + ipv4.get("TCP tw", 0) + udp,
        tcp_unhashed=max(0, ipv4.get("TCP alloc", 0) - hashed),
    )


def _counters(path: str) -> dict[str, int]:
    counters = {}
    try:
        with open(path, encoding="ascii") as file:
            for line in file:
                title, _, rest = line.partition(":")
                words = rest.split()
                for name, value in zip(words[::2], words[1::2]):
                    counters[f"{title} {name}"] = int(value)
    except (OSError, ValueError) as error:
        raise SystemReadError(f"cannot read {path}: {error}") from None
    return counters
