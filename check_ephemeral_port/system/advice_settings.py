"""Linux settings and counters that only the advice needs."""

from __future__ import annotations

import sys

from ..model.advice.facts import AdviceSettings, TimeWaitTable
from .errors import SystemReadError
from .kernel_files import read_kernel_text
from .ranges.linux import read_number, read_reserved_ports
from .sockets.sockstat import read_time_wait_sockets


def read_advice_settings(
    platform: str = sys.platform, proc: str = "/proc"
) -> AdviceSettings | None:
    """The settings of this thread's network namespace; ``None`` if it is not Linux.

    Raises :class:`SystemReadError` if the reserved ports cannot be read.
    """
    if platform != "linux":
        return None
    return AdviceSettings(read_reserved_ports(proc), _time_wait_table(proc))


def _time_wait_table(proc: str) -> TimeWaitTable | None:
    limit = read_number(f"{proc}/sys/net/ipv4/tcp_max_tw_buckets")
    # /proc/net always shows the namespace of the main thread
    thread = f"{proc}/thread-self"
    try:
        sockets = read_time_wait_sockets(thread)
        netstat = read_kernel_text(f"{thread}/net/netstat")
        overflows = decode_counter(netstat, "TcpExt", "TCPTimeWaitOverflow")
    except (ValueError, SystemReadError):  # sandboxes hide these files
        return None
    return None if limit is None else TimeWaitTable(sockets, limit, overflows)


def decode_counter(text: str, group: str, name: str) -> int:
    """A counter from the text of ``/proc/net/netstat``; 0 if this kernel lacks it.

    The file has two lines for each group: the names, then the numbers. Both begin
    with the group. Source: kernel, ``netstat_seq_show()``.
    Raises ``ValueError`` if the text does not contain the group.
    """
    rows = [line.split() for line in text.splitlines()]
    names, numbers = (row for row in rows if row[:1] == [f"{group}:"])
    return int(dict(zip(names, numbers)).get(name, 0))
