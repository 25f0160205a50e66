"""Linux's socket counters: ``/proc/net/sockstat`` and ``sockstat6``."""

from __future__ import annotations

from ...model.records import NamedTuple
from ..errors import SystemReadError
from ..kernel_files import read_kernel_text

_SOCKET_COUNTERS = {"used", "inuse", "tw"}


class SocketCounts(NamedTuple):
    """The number of sockets, without a list of them."""

    total: int
    """TCP and UDP sockets of the network namespace that a list would contain."""
    tcp_unhashed: int
    """The maximum number of TCP sockets that neither listen nor are connected, such as
    bound but idle ones. The kernel counts those of all network namespaces together, so
    the real number can be lower."""
    of_processes: int
    """Sockets of all kinds that the processes of the network namespace hold."""
    listed: int = 0
    """The part of these that lists show, such as Unix sockets."""


def read_socket_counts(proc: str = "/proc") -> SocketCounts:
    """Read the counters below ``proc``; ``listed`` stays 0.

    Raises :class:`SystemReadError` if they cannot be read.
    """
    ipv4 = _counters(f"{proc}/net/sockstat")
    try:
        ipv6 = _counters(f"{proc}/net/sockstat6")
    except SystemReadError:  # no IPv6 in this kernel
        ipv6 = {}
    hashed = ipv4.get("TCP inuse", 0) + ipv6.get("TCP6 inuse", 0)
    udp = ipv4.get("UDP inuse", 0) + ipv6.get("UDP6 inuse", 0)
    if "TCP alloc" not in ipv4:
        raise SystemReadError(f"{proc}/net/sockstat has no number of TCP sockets")
    tcp = ipv4["TCP alloc"]
    return SocketCounts(
        total=hashed + ipv4.get("TCP tw", 0) + udp,
        tcp_unhashed=max(0, tcp - hashed),
        of_processes=ipv4.get("sockets used", tcp),
    )


def max_idle_tcp_sockets(capacity: int) -> tuple[int, list[str]]:
    """The maximum number of bound but idle TCP sockets, and notes.

    Use it for lists that lack these sockets. It applies to this thread's network
    namespace. If the counters cannot be read, it is the number of ports in the pool
    (``capacity``).
    """
    try:
        counts = read_all_counts("/proc/thread-self")
    except SystemReadError as error:  # hidden by a sandbox
        return capacity, [str(error)]
    # two upper bounds: of all namespaces, and of all kinds of sockets
    unlisted = max(0, counts.of_processes - counts.listed)
    return min(counts.tcp_unhashed, unlisted), []


def read_all_counts(proc: str) -> SocketCounts:
    """Read the counters below ``proc``, and how many sockets are listed.

    Raises :class:`SystemReadError` if they cannot be read.
    """
    before = read_socket_counts(proc)
    try:
        listed = _listed_sockets(f"{proc}/net/protocols")
    except (SystemReadError, ValueError, IndexError):  # hidden by a sandbox
        listed = 0
    # a socket that was opened in between must not hide an idle one
    after = read_socket_counts(proc)
    return after._replace(
        tcp_unhashed=max(before.tcp_unhashed, after.tcp_unhashed),
        of_processes=max(before.of_processes, after.of_processes),
        listed=listed,
    )


def _listed_sockets(path: str) -> int:
    """The sockets of all protocols. kernel: ``proto_seq_printf()``, which counts by
    ``sock_prot_inuse_get()``: those of one namespace, and of TCP only those that listen
    or are connected."""
    rows = [line.split() for line in read_kernel_text(path).splitlines()][1:]
    return sum(max(0, int(row[2])) for row in rows)


def is_without_sockets(proc: str = "/proc/thread-self") -> bool:
    """Whether this thread's network namespace certainly has no sockets.

    ``sockets: used`` counts all kinds of sockets of processes (kernel:
    ``sock_inuse_get()``; of one namespace since Linux 4.16). The other counters add the
    sockets of the kernel itself and those in TIME_WAIT.
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
        name: n
        for name, n in counters.items()
        if name.rpartition(" ")[2] in _SOCKET_COUNTERS
    }
    return "sockets used" in counts and not any(counts.values())


def read_time_wait_sockets(proc: str = "/proc/thread-self") -> int:
    """The number of sockets in TIME_WAIT in this thread's network namespace.

    Raises :class:`SystemReadError` if it cannot be read.
    """
    counters = _counters(f"{proc}/net/sockstat")
    if "TCP tw" not in counters:
        raise SystemReadError(f"{proc}/net/sockstat has no TIME_WAIT")
    return counters["TCP tw"]


def _counters(path: str) -> dict[str, int]:
    counters = {}
    for line in read_kernel_text(path).splitlines():
        title, _, rest = line.partition(":")
        words = rest.split()
        for name, value in zip(words[::2], words[1::2]):
            try:
                counters[f"{title} {name}"] = int(value)
            except ValueError:
                message = f"{path}: {value!r} is not a number"
                raise SystemReadError(message) from None
    return counters
