"""Linux's own socket counters: ``/proc/net/sockstat`` and ``sockstat6``."""

from __future__ import annotations

from ...model.records import NamedTuple
from ..errors import SystemReadError

_COUNTS = {"used", "inuse", "tw"}


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


def most_idle_tcp_sockets(capacity: int) -> tuple[int, list[str]]:
    """How many TCP sockets may be bound but idle, where no list shows them, and notes.

    Of this thread's network namespace; as many as there are ports (``capacity``) if
    nobody counts them: then nothing is sure.
    """
    try:
        return read_socket_counts("/proc/thread-self").tcp_unhashed, []
    except SystemReadError as error:  # hidden by a sandbox
        return capacity, [str(error)]


def is_without_sockets(proc: str = "/proc/thread-self") -> bool:
    """Whether this thread's network namespace surely has no socket at all.

    ``sockets: used`` counts those of processes, of every kind (kernel:
    ``sock_inuse_get()``, of one namespace since Linux 4.16); the others those of the
    kernel itself and TIME_WAIT.
    """
    try:
        counters = _counters(f"{proc}/net/sockstat")
    except SystemReadError:  # hidden by a sandbox
        return False
    try:
        counters.update(_counters(f"{proc}/net/sockstat6"))
    except SystemReadError:  # no IPv6 in this kernel
        pass
    counts = {
        name: n for name, n in counters.items() if name.rpartition(" ")[2] in _COUNTS
    }
    return "sockets used" in counts and not any(counts.values())


def read_time_wait_sockets(proc: str = "/proc/thread-self") -> int:
    """How many sockets of this thread's network namespace are in TIME_WAIT.

    Raises :class:`SystemReadError`.
    """
    counters = _counters(f"{proc}/net/sockstat")
    if "TCP tw" not in counters:
        raise SystemReadError(f"{proc}/net/sockstat has no TIME_WAIT")
    return counters["TCP tw"]


def _counters(path: str) -> dict[str, int]:
    counters = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                title, _, rest = line.partition(":")
                words = rest.split()
                for name, value in zip(words[::2], words[1::2]):
                    counters[f"{title} {name}"] = int(value)
    except (OSError, ValueError) as error:
        raise SystemReadError(f"cannot read {path}: {error}") from None
    return counters
